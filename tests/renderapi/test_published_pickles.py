"""Objects as release 2.4.2 pickles them: plain attributes under the same class paths."""

import pickle

import numpy as np

from renderapi.image_pyramid import ImagePyramid, MipMap
from renderapi.layout import Layout
from renderapi.render import RenderClient
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel, ReferenceTransform, RigidModel, TransformList


class Published:
    """Pickled as an object of a class whose attributes are those that release 2.4.2 gives it."""

    def __init__(self, cls, **attributes):
        self.cls, self.attributes = cls, attributes

    def __reduce__(self):
        return object.__new__, (self.cls,), self.attributes


def loaded(cls, **attributes):
    return pickle.loads(pickle.dumps(Published(cls, **attributes)))


def affine_attributes(M):
    (m00, m01, b0), (m10, m11, b1), _ = np.asarray(M).tolist()
    return {
        "M": np.asarray(M, float), "M00": m00, "M01": m01, "M10": m10, "M11": m11, "B0": b0,
        "B1": b1, "className": AffineModel.className, "force_shear": "x", "labels": ["a"],
        "transformId": "t",
    }  # fmt: skip


def test_affines_are_their_matrix():
    M = [[1.5, 0.25, 3], [0.5, 2, 4], [0, 0, 1]]
    for cls in (AffineModel, RigidModel):
        affine = loaded(cls, **affine_attributes(M))
        np.testing.assert_array_equal(affine.M, M)
        assert (affine.M01, affine.B1) == (0.25, 4)
        assert affine.to_dict() == {
            **AffineModel(1.5, 0.25, 0.5, 2, 3, 4, "t", ["a"]).to_dict(),
            "className": AffineModel.className,
        }
        assert pickle.loads(pickle.dumps(affine)) == affine


def test_tiles_and_what_they_hold():
    mipmap = Published(MipMap, imageUrl="file:///a.tif", maskUrl=None)
    affine = Published(AffineModel, **affine_attributes(np.eye(3)))
    listed = Published(TransformList, tforms=[affine], transformId=None)
    tile = loaded(
        TileSpec, tileId="t", z=1.0, width=4, height=3, minint=0, maxint=255, groupId=None,
        ip=Published(ImagePyramid, store={"0": mipmap}), layout=Layout(sectionId="1"), labels=[],
        tforms=[listed, Published(ReferenceTransform, refId="r")], channels=None,
        imageUrl="file:///a.tif", maskUrl=None, inputfilters=[],
    )  # fmt: skip
    assert tile.imageUrl == "file:///a.tif" and tile.maskUrl is None and tile.minX is None
    expected = TileSpec("t", 1.0, 4, 3, "file:///a.tif", minint=0, maxint=255, sectionId="1",
                        tforms=[TransformList([AffineModel(transformId="t", labels=["a"])]),
                                ReferenceTransform("r")])  # fmt: skip
    assert tile.to_dict() == expected.to_dict()
    assert pickle.loads(pickle.dumps(tile)).to_dict() == expected.to_dict()


def test_connections():
    client = loaded(
        RenderClient, DEFAULT_HOST="http://h", DEFAULT_PORT=1, DEFAULT_OWNER="o", session="s",
        DEFAULT_PROJECT="p", DEFAULT_CLIENT_SCRIPTS=None, client_script="x", memGB="2G",
    )  # fmt: skip
    assert client.make_kwargs(owner="q") == {
        "host": "http://h", "port": 1, "owner": "q", "project": "p", "client_scripts": None,
        "session": "s", "client_script": "x", "memGB": "2G",
    }  # fmt: skip
