"""What differs between this machine and a cluster is told in one line, or refused."""

import pytest

from renderapps.module import RenderModuleException
from renderapps.module.cluster_versions import OWN, PACKAGES, check_versions

HERE = {"python": "3.11.2.final.0", OWN: "1.2", "numpy": "2.1.0", "scipy": "1.14.0"}


def found(scheduler=None, *workers):
    """What a client tells where the others have other versions of some packages."""

    def one(changed):
        return {"host": {}, "packages": HERE | (changed or {})}

    return {
        "client": one(None),
        "scheduler": one(scheduler),
        "workers": {f"tcp://w{k}:1": one(changed) for k, changed in enumerate(workers)},
    }


def test_nothing_is_told_where_all_is_the_same():
    assert check_versions(found(None, {}, {"python": "3.11.9.final.0"})) is None
    assert check_versions(found()) is None


def test_a_difference_names_packages_versions_and_places():
    line = check_versions(
        found({"numpy": "2.0.1"}, {"python": "3.12.1.final.0"}, {"numpy": "2.0.1"}, {"scipy": None})
    )
    assert line == (
        "python 3.11 here, 3.12 on worker tcp://w0:1; "
        "numpy 2.1.0 here, 2.0.1 on worker tcp://w1:1 and 1 more; "
        "scipy 1.14.0 here, none on worker tcp://w2:1"
    )


@pytest.mark.parametrize(
    ("versions", "told"),
    [
        (found(None, {}, {OWN: "1.3"}), "1.3 on worker tcp://w1:1:"),
        (found(None, {OWN: None}, {OWN: None}), "none on worker tcp://w0:1 and 1 more:"),
        (found({OWN: None}, {}), "none on the scheduler:"),
    ],
)
def test_other_versions_of_this_software_are_refused(versions, told):
    with pytest.raises(RenderModuleException) as error:
        check_versions(versions)
    assert str(error.value).startswith(f"render-python-apps 1.2 here, {told} install the same")


def test_what_a_program_without_metadata_cannot_know_is_not_refused():
    versions = found(None, {OWN: None})
    versions["client"]["packages"][OWN] = None
    assert check_versions(versions) is None


def test_the_packages_that_results_depend_on_are_asked_for():
    from importlib.metadata import version

    assert all(version(package) for package in PACKAGES)
