"""A small ATLAS project on disk, whose places can be computed by hand."""

from __future__ import annotations

import numpy as np
import tifffile

import renderapi
from renderapi.layout import Layout
from renderapi.stack import StackVersion
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel

LM = "EM_site"
WIDTH, HEIGHT = 60, 40
ANGLE = 0.05
SIZE = (6.0, 4.0)  # of a tile, micrometres
MOSAIC, DATASET, IMPORTED = (30.0, -20.0), (5.0, 6.0), (1.0, 2.0)
TILES = {"uid1": (110.0, 200.0), "uid2": (115.0, 200.5)}  # lower left corners in the mosaic
NAMES = {"uid1": "Tile_r1-c1_S_046_93628", "uid2": "Tile_r1-c2_S_046_93629"}


def transform(matrix=((1, 0), (0, 1)), shift=(0, 0)):
    """Entries for points written as rows: x' = x M11 + y M21 + M41."""
    (a, b), (c, d) = matrix
    entries = {"M11": a, "M12": b, "M21": c, "M22": d, "M33": 1, "M41": shift[0], "M42": shift[1]}
    entries["M44"] = 1
    text = "".join(f"<{key}>{float(value)!r}</{key}>" for key, value in entries.items())
    return f"<ParentTransform>{text}</ParentTransform>"


def tile_matrix():
    """Unit square to the mosaic: turned, and as large as a tile."""
    c, s = np.cos(ANGLE), np.sin(ANGLE)
    return ((SIZE[0] * c, SIZE[0] * s), (-SIZE[1] * s, SIZE[1] * c))


def write_project(root, section_index=3, sites=("good",)):
    """Ribbon0004/brain.a5proj and its mosaic, with 16 bit images; the path of the project."""
    folder = root / "Ribbon0004"
    mosaic = folder / "brain_data" / "site"
    mosaic.mkdir(parents=True)
    tiles = ""
    for number, (uid, corner) in enumerate(TILES.items()):
        image = np.full((HEIGHT, WIDTH), 257 * 100 * (number + 1), np.uint16)
        image[0] = 0
        tifffile.imwrite(mosaic / f"{NAMES[uid]}.tif", image)
        tiles += (
            f"<Tile><Name>{NAMES[uid]}</Name><UID>{uid}</UID><Width>{WIDTH}</Width>"
            f"<Height>{HEIGHT}</Height>{transform(tile_matrix(), corner)}</Tile>"
        )
    (mosaic / "mosaic.ve-updates").write_text(
        f"<ATLAS-Stitch-Info><OriginalRoot/>{tiles}</ATLAS-Stitch-Info>"
    )
    site = ""
    for name in sites:
        data = "m1" if name == "good" else "none"
        site += (
            f"<Site><Name>{name}</Name><LinkedToUID>s1</LinkedToUID><AcquisitionSpec>"
            f"<AcquiredDataUID>{data}</AcquiredDataUID></AcquisitionSpec></Site>"
        )
    project = folder / "brain.a5proj"
    project.write_text(f"""<F-BioSEM-Project><BioSemProject>
<AtlasCarrier>
<SectionSet><Name>all</Name><UID>set</UID>
<Section><UID>s1</UID><SectionIndex>{section_index}</SectionIndex></Section></SectionSet>
<SiteSet><Name>area</Name><LinkedToUID>set</LinkedToUID>{site}</SiteSet>
</AtlasCarrier>
<OrderedDataSet><Name>area</Name><PlaceableMosaic><UID>m1</UID><Name>mosaic</Name>
<FileName>D:\\work\\Ribbon0004\\brain_data\\site\\mosaic.ve-mif</FileName>
{transform(shift=MOSAIC)}</PlaceableMosaic></OrderedDataSet>
<Data><Name>test</Name>{transform(shift=DATASET)}</Data>
<Data><Name>Imported Data</Name>{transform(shift=IMPORTED)}</Data>
</BioSemProject></F-BioSEM-Project>""")
    return project


def light_stack(render):
    """Section 4003 at z=17: an LM tile at stage (140, 175), and one far away."""
    tiles = [
        TileSpec(
            tileId=name,
            z=17.0,
            width=400,
            height=300,
            imageUrl=f"file:///{name}.tif",
            layout=Layout(sectionId="4003", stageX=x, stageY=y),
            tforms=[AffineModel(M00=2.0, M11=2.0, B0=1000.0, B1=-500.0)],
        )
        for name, x, y in (("near", 140.0, 175.0), ("far", 900.0, 900.0))
    ]
    renderapi.stack.set_stack_metadata("LM", StackVersion(stackResolutionX=107.0), render=render)
    renderapi.resolvedtiles.put_tilespecs("LM", tilespecs=tiles, render=render)
    renderapi.stack.set_stack_state("LM", "COMPLETE", render=render)


def expected(uid, points):
    """World places of pixels of the flipped image of a tile, step by step."""
    unit = np.asarray(points, float) / (WIDTH, HEIGHT)
    (a, b), (c, d) = tile_matrix()
    x, y = unit.T
    mosaic = np.column_stack([a * x + c * y, b * x + d * y]) + TILES[uid]
    stage = mosaic + MOSAIC - np.array(IMPORTED) - np.array(DATASET)
    local = (stage - (140.0, 175.0)) / 0.1 + (200.0, 150.0)
    return local * 2 + (1000.0, -500.0)
