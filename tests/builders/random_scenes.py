"""Random render-parameters documents with their images in memory and in files."""

import base64
import struct
import zlib

import numpy as np
import tifffile

TRANSFORM = "mpicbg.trakem2.transform."


def text(*numbers):
    return " ".join(repr(float(n)) for n in np.ravel(numbers))


def packed(numbers):
    raw = struct.pack(f">{len(numbers)}d", *numbers)
    return base64.b64encode(zlib.compress(raw)).decode()


def affine(rng):
    angle, stretch = rng.uniform(-0.6, 0.6), rng.uniform(0.7, 1.3)
    c, s = stretch * np.cos(angle), stretch * np.sin(angle)
    mirror = -1 if rng.random() < 0.2 else 1
    skew = rng.uniform(-0.1, 0.1)
    return "AffineModel2D", text(
        mirror * c, mirror * s, -s + skew, c, rng.uniform(-20, 50), rng.uniform(-20, 50)
    )


def translation(rng):
    return "TranslationModel2D", text(rng.uniform(-20, 50), rng.uniform(-20, 50))


def rigid(rng):
    return "RigidModel2D", text(rng.uniform(-3, 3), rng.uniform(0, 90), rng.uniform(0, 90))


def similarity(rng):
    return "SimilarityModel2D", text(rng.uniform(0.4, 1.1, 2), rng.uniform(0, 40, 2))


def homography(rng):
    m = np.eye(3) + rng.uniform(-0.1, 0.1, (3, 3)) * [[1, 1, 90], [1, 1, 90], [5e-3, 5e-3, 0]]
    return "HomographyModel2D", text(m)


def polynomial(rng):
    coefficients = [
        [rng.uniform(-9, 9), 1, 0.02, *rng.uniform(-4e-4, 4e-4, 3)],
        [rng.uniform(-9, 9), -0.03, 1, *rng.uniform(-4e-4, 4e-4, 3)],
    ]
    return "PolynomialTransform2D", text(coefficients)


def lens(rng):
    beta = rng.uniform(-1, 1, (6, 2))
    beta[:2] += [[30, 0], [0, 30]]
    beta[5] = rng.uniform(0.3, 0.6, 2)
    mean, spread = rng.uniform(20, 50, 5), rng.uniform(25, 40, 5) * [1, 1, 60, 60, 60]
    fields = [text(beta), text(*mean, 0), text(*spread, 100)]
    return "NonLinearCoordinateTransform", f"2 6 {' '.join(fields)} 100 100 "


def moving_least_squares(rng):
    model = rng.choice(["translation", "rigid", "similarity", "affine"])
    p = rng.uniform(0, 120, (7, 2))
    q = p + rng.uniform(-6, 6, p.shape)
    rows = np.column_stack([p, q, rng.uniform(0.5, 2, 7)])
    variant = rng.choice(["", "2"])
    return (
        f"MovingLeastSquaresTransform{variant}",
        f"{model} 2 {float(rng.uniform(0.6, 2))!r} " + text(rows),
    )


def thin_plate_spline(rng):
    p, weights = rng.uniform(0, 120, (6, 2)), rng.uniform(-4e-4, 4e-4, (2, 6))
    a = packed([*rng.uniform(-0.05, 0.05, 4), *rng.uniform(0, 20, 2)])
    a = "null" if rng.random() < 0.3 else a
    return "ThinPlateSplineTransform", (
        f"ThinPlateSplineR2LogR 2 6 {a} {packed([*p.ravel(), *weights.ravel()])}"
    )


def warp_field(rng):
    planes = np.array([1, 0, 0, 1, 5, 9])[:, None, None] + rng.uniform(-0.04, 0.04, (6, 3, 2))
    values = planes.ravel()
    factory = "net.imglib2.interpolation.randomaccess.NLinearInterpolatorFactory"
    return "org.janelia.alignment.transform.AffineWarpFieldTransform", (
        f"-3.5 2 110 120.5 3 2 {factory} none {text(values)}"
    )


KINDS = (
    affine, translation, rigid, similarity, homography, polynomial, lens,
    moving_least_squares, thin_plate_spline, warp_field,
)  # fmt: skip


def leaf(rng):
    name, data = KINDS[rng.integers(len(KINDS))](rng)
    return {"type": "leaf", "className": name if "." in name else TRANSFORM + name,
            "dataString": data}  # fmt: skip


def spec_list(rng):
    specs = [leaf(rng) for _ in range(rng.integers(0, 3))]
    if rng.random() < 0.1:
        specs.append(
            {"type": "interpolated", "a": leaf(rng), "b": leaf(rng), "lambda": rng.random()}
        )
    return specs


def pixels(rng, kind, width, height):
    smooth = rng.random() < 0.5
    shape = (height, width, 3) if kind == "rgb" else (height, width)
    values = rng.random(shape)
    if smooth:
        values = np.sqrt((values + np.roll(values, 1, 0) + np.roll(values, 1, 1)) / 3)
    if kind == "u16":
        return (values * 65535 * rng.choice([1, 0.2])).astype(np.uint16)
    if kind == "f32":
        return (values * 300 - 20).astype(np.float32)
    out = (values * 256).astype(np.uint8)
    if rng.random() < 0.3:
        out[rng.random((height, width)) < 0.3] = 0
    return out


def mask(rng, width, height):
    kind = rng.integers(3)
    if kind == 0:
        return (rng.integers(0, 2, (height, width)) * 255).astype(np.uint8)
    if kind == 1:
        out = np.zeros((height, width), np.uint8)
        out[height // 8 : -height // 8, width // 6 : -width // 6] = 255
        return out
    return rng.integers(0, 256, (height, width)).astype(np.uint8)


class Scene:
    """One random document, and its images by URL."""

    def __init__(self, seed, folder, masks=None):
        self.rng = rng = np.random.default_rng(seed)
        self.folder, self.seed, self.images = folder, seed, {}
        self.kind = str(rng.choice(["u8", "u8", "u16", "f32", "rgb"]))
        self.wide = self.kind != "rgb" and rng.random() < 0.4
        self.masks = rng.random() < 0.5 if masks is None else masks
        self.names = [None] if self.kind == "rgb" or rng.random() < 0.8 else ["A", "B"]
        tiles = [self.tile(i) for i in range(rng.integers(1, 4))]
        scale = float(rng.choice([1, 1, 0.5, 0.25, 0.37, 0.813, 1.7, 0.11]))
        self.document = {
            "x": float(rng.choice([0, -10, rng.uniform(-20, 20)])),
            "y": float(rng.choice([0, -10, rng.uniform(-20, 20)])),
            "width": int(rng.integers(10, 130)), "height": int(rng.integers(10, 130)),
            "scale": scale, "tileSpecs": tiles,
        }  # fmt: skip
        self.options()

    def options(self):
        rng, document = self.rng, self.document
        if rng.random() < 0.3:
            document["minIntensity"] = float(rng.choice([0, 10.5, 40, 66]))
        if rng.random() < 0.3:
            document["maxIntensity"] = float(rng.choice([128, 255, 200.5, 10000, 70000]))
        for key, share in (
            ("skipInterpolation", 0.15), ("binaryMask", 0.2), ("excludeMask", 0.1)
        ):  # fmt: skip
            if rng.random() < share:
                document[key] = True
        if rng.random() < 0.2:
            document["backgroundRGBColor"] = int(rng.integers(0, 1 << 24))
        if rng.random() < 0.4:
            document["meshCellSize"] = float(rng.choice([16, 20.5, 32, 200]))
        if rng.random() < 0.2:
            document["minMeshCellSize"] = float(rng.choice([8, 40]))
        if len(self.names) == 2 and rng.random() < 0.7:
            document["channels"] = str(rng.choice(["B", "A", "A__0.6__B__0.4", "B__0.2__A__0.5"]))
        if self.kind != "f32" and rng.random() < 0.15:  # upside down
            document["minIntensity"], document["maxIntensity"] = 150.4, float(rng.uniform(0, 150))

    def save(self, name, array):
        path = str(self.folder / f"{self.seed}_{name}.tif")
        tifffile.imwrite(path, array, photometric="rgb" if array.ndim == 3 else "minisblack")
        self.images[path] = array
        return path

    def levels(self, name, width, height):
        rng, levels = self.rng, {}
        entries = [0] if rng.random() < 0.7 else [0, int(rng.choice([1, 2]))]
        masked = self.masks and rng.random() < 0.8
        for level in entries:
            size = max(2, width >> level), max(2, height >> level)
            entry = {"imageUrl": self.save(f"{name}_{level}", pixels(rng, self.kind, *size))}
            if masked:
                if rng.random() < 0.1:
                    size = size[0] + 1, size[1]
                entry["maskUrl"] = self.save(f"{name}_{level}_mask", mask(rng, *size))
            levels[str(level)] = entry
        return levels

    def resize(self, tile):
        """Now and then let a tile say another size than its image has, or none."""
        chance = self.rng.random()
        if chance < 0.1:
            tile["width"] *= 2
            tile["height"] += 17.0
        elif chance < 0.2:
            del tile["width"], tile["height"]

    def tile(self, number):
        rng = self.rng
        width, height = (int(n) for n in rng.integers(20, 140, 2))
        tile = {
            "tileId": f"t{number}", "width": float(width), "height": float(height),
            "transforms": {"type": "list", "specList": spec_list(rng)},
        }  # fmt: skip
        self.resize(tile)
        ranges = {
            "minIntensity": float(rng.choice([0, 20, 33.7])),
            "maxIntensity": float(rng.choice([65535, 9000.9] if self.wide else [255, 128, 180.5])),
        }
        if self.names == [None]:
            tile.update(mipmapLevels=self.levels(f"{number}", width, height), **ranges)
        else:
            tile["channels"] = [
                {"name": n, "mipmapLevels": self.levels(f"{number}{n}", width, height), **ranges}
                for n in self.names
            ]
        return tile
