"""The list of mutations fits the source, and the script that applies them tells the truth."""

import pytest
from mutations import MUTATIONS, ROOT, Mutation, check_controls, copied_tree, is_noticed, outcomes

SHORT = next(m for m in MUTATIONS if "statetable_tiles.py" in m.file)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_every_mutation_applies_and_gives_python(mutation):
    compile(mutation.applied(), mutation.file, "exec")
    assert mutation.old != mutation.new
    assert (ROOT / mutation.tests).is_file()


def test_there_are_the_seven_of_old_and_twenty_more():
    assert len(MUTATIONS) >= 27 and len(set(MUTATIONS)) == len(MUTATIONS)


def test_a_text_that_is_not_there_once_is_refused():
    with pytest.raises(ValueError, match="0 times"):
        Mutation("stack/joining.py", "no such text", "", "").applied()
    with pytest.raises(ValueError, match=r"[1-9]\d* times"):
        Mutation("stack/joining.py", "e", "", "").applied()


@pytest.mark.timeout(300)
def test_a_mutation_is_noticed_and_one_without_effect_is_not():
    idle = Mutation(SHORT.file, "from __future__", "from  __future__", SHORT.tests)
    with copied_tree() as folder:
        before = (folder / SHORT.path).read_text()
        check_controls(folder, SHORT)
        assert is_noticed(folder, SHORT)
        assert not is_noticed(folder, idle)
        assert (folder / SHORT.path).read_text() == before


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_all_are_noticed():
    assert [str(mutation) for mutation, noticed in outcomes(MUTATIONS) if not noticed] == []
