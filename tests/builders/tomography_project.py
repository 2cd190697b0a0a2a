"""An array tomography project of real tiles, and the services that it is imported into."""

import csv

import numpy as np
import tifffile
from server_process import ServerProcess

import renderapi

PIXEL = 0.65  # micrometres
CHANNELS = ("DAPI_1", "GFP")


class Service(ServerProcess):
    """A `renderapps serve` process that reads images of an object store, too."""

    def __init__(self, folder, name, images, environment=None):
        super().__init__(
            folder,
            "--allow-host",
            "lab",
            store=f"{name}.db",
            image_roots=[images],
            env=environment,
        )

    def group(self, project):
        """Parameters of a connection."""
        return {
            "host": "http://127.0.0.1",
            "port": self.port,
            "owner": "integration_tests",
            "project": project,
        }

    def render(self, project):
        """A connection."""
        return renderapi.connect(**self.group(project))


class Tiles:
    """25 real tiles as an array tomography project has them: a ribbon, two sections, two channels.

    Channel GFP holds the tiles turned by half a turn. Section 1 is section 0 with the grey levels
    turned round.
    """

    def __init__(self, data, folder):
        with (data / "true_positions.csv").open() as file:
            rows = [(r["file"], int(r["x"]), int(r["y"])) for r in csv.DictReader(file)]
        left, top = min(x for _, x, _ in rows), min(y for _, _, y in rows)
        self.places = [(x - left, y - top) for _, x, y in rows]
        self.images = [tifffile.imread(data / name) for name, _, _ in rows]
        self.folder = folder
        self.height, self.width = self.images[0].shape
        self.table = [
            self._row(section, ch, frame)
            for section in (0, 1)
            for ch in range(len(CHANNELS))
            for frame in range(len(rows))
        ]

    def pixels(self, section, channel, frame):
        """What the file of a tile holds."""
        image = self.images[frame] if channel == "DAPI_1" else self.images[frame][::-1, ::-1]
        return image if section == 0 else np.uint16(65535) - image

    def mosaic(self, section, channel="DAPI_1"):
        """The picture of a section: tiles drawn over one another in the order of their ids."""
        shape = tuple(max(v[i] for v in self.places) for i in (1, 0))
        picture = np.zeros((shape[0] + self.height, shape[1] + self.width), np.uint16)
        for frame, (x, y) in enumerate(self.places):
            picture[y : y + self.height, x : x + self.width] = self.pixels(section, channel, frame)
        return picture

    def _row(self, section, ch, frame):
        channel = CHANNELS[ch]
        folder = self.folder / "raw" / "data" / "Ribbon0004" / "session01" / channel
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{channel}_S{section:04d}_F{frame:04d}_Z00.tif"
        tifffile.imwrite(path, self.pixels(section, channel, frame))
        x, y = self.places[frame]
        return {
            "full_path": path, "ribbon": 4, "session": 1, "section": section, "frame": frame,
            "zstack": 0, "ch_name": channel, "ch": ch,
            "tileID": 10**14 + 4 * 10**12 + section * 10**6 + frame * 10**3 + ch,
            "z": 400 + section, "width": self.width, "height": self.height,
            "scale_x": PIXEL, "scale_y": PIXEL, "xstage": x * PIXEL, "ystage": y * PIXEL,
            "a00": 1.0, "a01": 0.0, "a02": x, "a10": 0.0, "a11": 1.0, "a12": y,
        }  # fmt: skip

    def statetable(self, name, section=None):
        """Write the table of one section or both; its path."""
        rows = [row for row in self.table if section in (None, row["section"])]
        path = self.folder / name
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return str(path)


def drawn(render, stack, z, shape, scale=1.0, **options):
    """16 bit values of a window at the origin, as the service draws it."""
    return renderapi.image.get_bb_image(
        stack, z, 0, 0, shape[1], shape[0], scale, img_format="tiff16", render=render, **options
    )
