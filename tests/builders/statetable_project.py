"""A simulated array tomography project: 2 ribbons, 3 channels, 2 sessions, and its statetable."""

import csv

import numpy as np
import tifffile

CHANNELS = {1: ("DAPI_1", "GFP", "PSD95"), 2: ("DAPI_2", "GFP", "Gephyrin")}
WIDTH, HEIGHT, SCALE = 70, 50, 0.103


def pixels(ribbon, session, section, channel, frame, dtype=np.uint16):
    seed = [ribbon, session, section, *channel.encode(), frame]
    top = np.iinfo(dtype).max
    return np.random.default_rng(seed).integers(top // 2, top, (HEIGHT, WIDTH), dtype=dtype)


def rows_of(root, dtype=np.uint16, sections=2, frames=2):
    """Write the images of a project and give the lines of its statetable."""
    for ribbon in (4, 5):
        for session, channels in CHANNELS.items():
            for section in range(sections):
                for ch, channel in enumerate(channels):
                    for frame in range(frames):
                        for zstack in (0, 1):
                            yield _row(
                                root, ribbon, session, section, ch, channel, frame, zstack, dtype
                            )


def _row(root, ribbon, session, section, ch, channel, frame, zstack, dtype):
    folder = root / "raw" / "data" / f"Ribbon{ribbon:04d}" / f"session{session:02d}" / channel
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{channel}_S{section:04d}_F{frame:04d}_Z{zstack:02d}.tif"
    if zstack == 0 and not path.exists():
        tifffile.imwrite(path, pixels(ribbon, session, section, channel, frame, dtype))
    return {
        "full_path": path,
        "ribbon": ribbon,
        "session": session,
        "section": section,
        "frame": frame,
        "zstack": zstack,
        "ch_name": channel,
        "ch": ch,
        "tileID": ch
        + 10**3 * frame
        + 10**6 * section
        + 10**12 * ribbon
        + 10**14 * session
        + 10**17 * zstack,
        "z": 100 * ribbon + section,
        "width": WIDTH,
        "height": HEIGHT,
        "scale_x": SCALE,
        "scale_y": SCALE,
        "xstage": 10 + 6.18 * frame,
        "ystage": 20.0,
        "a00": 1.0,
        "a01": 0.0,
        "a02": 60.0 * frame,
        "a10": 0.0,
        "a11": 1.0,
        "a12": 0.5,
    }


def write_table(path, rows):
    """Write a statetable, with an index column as pandas does."""
    rows = list(rows)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["", *rows[0]])
        writer.writeheader()
        for number, row in enumerate(rows):
            writer.writerow({"": number, **row})
    return path
