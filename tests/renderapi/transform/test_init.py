"""Public names, signatures, and use by subclasses of other packages."""

import inspect
import subprocess
import sys

import numpy as np
import pytest

import renderapi.transform as package
from renderapi.transform import (
    AffineModel,
    Polynomial2DTransform,
    ThinPlateSplineTransform,
)

CLASSES = [
    "AffineModel",
    "AffineWarpFieldTransform",
    "ExponentialFunctionOffsetTransform",
    "ExponentialRecoveryOffsetTransform",
    "HomographyModel",
    "InterpolatedTransform",
    "LensCorrection",
    "MovingLeastSquaresTransform",
    "MovingLeastSquaresTransform2",
    "NonLinearCoordinateTransform",
    "NonLinearTransform",
    "Polynomial2DTransform",
    "ReferenceTransform",
    "RigidModel",
    "SEMDistortionTransformA",
    "SimilarityModel",
    "ThinPlateSplineTransform",
    "Transform",
    "TransformList",
    "TranslationModel",
]
FUNCTIONS = ["estimate_dstpts", "estimate_transformsum", "load_leaf_json", "load_transform_json"]
MODULES = [
    "affine_models",
    "affine_warp_field",
    "common",
    "homography",
    "leaf",
    "moving_least_squares",
    "nonlinear_models",
    "offsets",
    "polynomial_models",
    "thin_plate_spline",
    "transform",
    "utils",
]
PUBLISHED_ARGUMENTS = {
    "Transform": "className dataString transformId labels json",
    "AffineModel": "M00 M01 M10 M11 B0 B1 transformId labels json force_shear",
    "Polynomial2DTransform": "dataString src dst order force_polynomial params identity labels "
    "transformId json force_shear",
    "NonLinearCoordinateTransform": "dataString json transformId labels",
    "ThinPlateSplineTransform": "dataString json transformId labels",
    "TransformList": "tforms transformId json",
    "ReferenceTransform": "refId json",
    "InterpolatedTransform": "a b lambda_ json",
    "load_transform_json": "d default_type",
    "estimate_dstpts": "transformlist src reference_tforms",
    "estimate_transformsum": "transformlist src order",
}


def test_public_names():
    assert sorted(package.__all__) == sorted(CLASSES + FUNCTIONS + MODULES)
    assert all(inspect.isclass(getattr(package, name)) for name in CLASSES)
    assert all(inspect.ismodule(getattr(package, name)) for name in MODULES)
    assert package.transform is package.leaf.transform
    assert package.utils.__name__ == "renderapi.transform.utils"


@pytest.mark.parametrize("name", PUBLISHED_ARGUMENTS)
def test_arguments_keep_their_places(name):
    published = PUBLISHED_ARGUMENTS[name].split()
    ours = list(inspect.signature(getattr(package, name)).parameters)
    assert ours[: len(published)] == published


def test_importing_brings_no_heavy_libraries():
    code = (
        "import sys, renderapi.transform, renderapi.bounds\n"
        "print([m for m in ('scipy', 'numba', 'cv2', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


class OwnAffine(AffineModel):
    def __init__(self, transform):
        super().__init__(json=transform.to_dict())


class OwnPolynomial(Polynomial2DTransform):
    def __init__(self, transform):
        self.from_dict(transform.to_dict())


class OwnSpline(ThinPlateSplineTransform):
    def __init__(self, transform):
        self.from_dict(transform.to_dict())


def test_subclasses_assign_parameters_directly():
    affine = OwnAffine(AffineModel(B0=3))
    affine.M = np.array([[2.0, 0, 1], [0, 2, 1], [0, 0, 1]])
    assert AffineModel(json=affine.to_dict()).tform([[1, 1]]).tolist() == [[3, 3]]

    polynomial = OwnPolynomial(Polynomial2DTransform(identity=True))
    polynomial.params = polynomial.params + 1
    assert polynomial.scale is not None
    assert Polynomial2DTransform(json=polynomial.to_dict()) == polynomial

    points = np.random.default_rng(0).random((12, 2)) * 100
    spline = ThinPlateSplineTransform()
    spline.estimate(points, points + np.sin(points), computeAffine=False)
    own = OwnSpline(spline)
    assert own.aMtx is None
    own.srcPts = own.srcPts[:, :6]
    own.dMtxDat = own.dMtxDat[:, :6]
    own.nLm = 6
    again = ThinPlateSplineTransform(json=own.to_dict())
    assert again.nLm == 6
    np.testing.assert_array_equal(again.tform(points), own.tform(points))


def test_arguments_keep_their_names_where_classes_differ():
    for cls in (package.NonLinearCoordinateTransform, package.LensCorrection):
        assert list(inspect.signature(cls.tform).parameters) == ["self", "src"]
    names = list(inspect.signature(package.TranslationModel.estimate).parameters)
    assert names[:4] == ["self", "src", "dst", "return_params"]
