"""What a tile looks like once the service has kept it: the properties that are always there."""

from __future__ import annotations

IMAGE = {"imageUrl": "{images}/8bit.png"}


def saved(service, **properties):
    tile = {"tileId": "t", "z": 1, "width": 10, "height": 10, **properties}
    answer = service("PUT S:open/resolvedTiles?deriveData=true", {"tileIdToSpecMap": {"t": tile}})
    assert answer.status_code == 201, answer.text
    return service("GET S:open/tile/t").json()


def test_a_channel_has_its_four_properties(service):
    tile = saved(service, channels=[{"name": "A", "maxIntensity": 9}, {"name": "B"}])
    assert tile["channels"] == [
        {"name": "A", "minIntensity": 0.0, "maxIntensity": 9.0, "mipmapLevels": {}},
        {"name": "B", "minIntensity": 0.0, "maxIntensity": 255.0, "mipmapLevels": {}},
    ]


def test_levels_are_ordered_by_number(service):
    levels = {key: IMAGE for key in ("10", "9", "0")}
    tile = saved(service, mipmapLevels=levels, channels=[{"name": "A", "mipmapLevels": levels}])
    assert list(tile["mipmapLevels"]) == ["0", "9", "10"]
    assert list(tile["channels"][0]["mipmapLevels"]) == ["0", "9", "10"]


def test_a_tile_without_images_has_an_empty_pyramid(service):
    assert saved(service)["mipmapLevels"] == {}
    assert saved(service, mipmapLevels=None)["mipmapLevels"] == {}


def test_a_level_that_is_no_number_is_refused(service):
    for properties in (
        {"mipmapLevels": {"top": IMAGE}},
        {"channels": [{"name": "A", "mipmapLevels": {"0.5": IMAGE}}]},
    ):
        tile = {"tileId": "t", "z": 1, "width": 10, "height": 10, **properties}
        answer = service(
            "PUT S:open/resolvedTiles?deriveData=true", {"tileIdToSpecMap": {"t": tile}}
        )
        assert answer.status_code == 400, answer.text
        assert "'t'" in answer.text
        assert "level" in answer.text


def test_a_channel_that_is_null_is_refused(service):
    tile = {"tileId": "t", "z": 1, "width": 10, "height": 10, "channels": [None]}
    answer = service("PUT S:open/resolvedTiles?deriveData=true", {"tileIdToSpecMap": {"t": tile}})
    assert answer.status_code == 400, answer.text
    assert "channel" in answer.text


def test_a_shared_transform_with_another_id_than_its_key_cannot_be_referred_to(service):
    reference = {"type": "list", "specList": [{"type": "ref", "refId": "key"}]}
    tile = {"tileId": "t", "z": 1, "width": 10, "height": 10, "transforms": reference}
    transform = {
        "id": "other",
        "className": "mpicbg.trakem2.transform.AffineModel2D",
        "dataString": "1 0 0 1 2 3",
    }
    resolved = {"transformIdToSpecMap": {"key": transform}, "tileIdToSpecMap": {"t": tile}}
    answer = service("PUT S:open/resolvedTiles?deriveData=true", resolved)
    assert answer.status_code == 400, answer.text
    assert "'t'" in answer.text
    assert "key" in answer.text
    resolved["transformIdToSpecMap"]["key"]["id"] = "key"
    service.must("PUT S:open/resolvedTiles?deriveData=true", resolved)
    assert service("GET S:open/tile/t").json()["minX"] == 2.0
