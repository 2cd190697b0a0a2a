"""What a source image would take once decoded is bounded before it is, in every format."""

from __future__ import annotations

import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tensorstore
import tifffile
from picture_limit_trials import picture, put_picture
from PIL import Image
from server_process import ServerProcess, limited_memory

SIDE = 30_000
BIG = 40_000
MOST = 1 << 30


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    started = ServerProcess(folder, "--picture-seconds", "20", **limited_memory())
    yield started
    assert started.end() == 0
    assert "Traceback" not in started.errors


def tiff(width=64, height=64, samples=1, bits=8, compression=1, data=b"", **more):
    """A TIFF of one strip by its tags, whatever they claim."""
    tags = {
        256: (4, width), 257: (4, height), 258: (3, bits), 259: (3, compression), 262: (3, 1),
        273: (4, 8), 277: (3, samples), 278: (4, height), 279: (4, len(data) or 8),
    }  # fmt: skip
    tags |= {int(key[1:]): value for key, value in more.items()}
    data = data or bytes(8)
    data += bytes(len(data) % 2)
    entries = b"".join(
        struct.pack("<HHII", tag, kind, 1, value) for tag, (kind, value) in sorted(tags.items())
    )
    head = b"II*\0" + struct.pack("<I", 8 + len(data))
    return head + data + struct.pack("<H", len(tags)) + entries + bytes(4)


def tiff_with_a_loop():
    found = bytearray(tiff(data=bytes(4096)))
    found[-4:] = found[4:8]
    return bytes(found)


def repeated(block, times):
    """What zlib makes of a block that comes so often, packed once."""
    packer = zlib.compressobj(9)
    first, other = (packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    check = 1
    for _ in range(times):
        check = zlib.adler32(block, check)
    return first + other * (times - 1) + b"\3\0" + struct.pack(">I", check)


def test_a_repeated_block_is_unpacked_as_it_was():
    assert zlib.decompress(repeated(b"abc" * 999, 7)) == b"abc" * 6993


def png(width, height, depth=8, colour=0, extra=b"", data=None):
    def chunk(name, data):
        check = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + check

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    palette = chunk(b"PLTE", bytes(768)) if colour == 3 else b""
    rows = chunk(b"IDAT", data or zlib.compress(bytes(100)))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + palette + extra + rows + chunk(b"IEND", b"")
    )


def packed(image, format, **options):
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def large_jpeg():
    """A small JPEG whose header says that it is large."""
    found = packed(Image.new("RGB", (16, 16)), "JPEG")
    at = found.index(b"\xff\xc0") + 5
    return found[:at] + struct.pack(">HH", 65_000, 65_000) + found[at + 4 :]


def large_jpeg_2000():
    found = packed(Image.new("L", (64, 64)), "JPEG2000")
    at = found.index(b"\xff\x4f\xff\x51") + 8
    return found[:at] + struct.pack(">II", 65_000, 65_000) + found[at + 8 :]


def large_gif():
    return (
        b"GIF89a"
        + struct.pack("<HHBBB", 65_535, 65_535, 0, 0, 0)
        + (b"," + struct.pack("<HHHHB", 0, 0, 65_535, 65_535, 0) + b"\x02\x02\x44\x01\0;")
    )


def large_bmp():
    head = struct.pack("<IiiHHIIiiII", 40, BIG, BIG, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + head + bytes(100)


def mrc(width, height, mode=2):
    head = bytearray(1024)
    struct.pack_into("<4i", head, 0, width, height, 1, mode)
    struct.pack_into("<3i", head, 64, 1, 2, 3)
    head[208:216] = b"MAP \x44\x44\0\0"
    return bytes(head)


FILES = {
    "samples.tif": lambda: tiff(10_000, 10_000, samples=20),
    "depth.tif": lambda: tiff(10_000, 10_000, x32997=(4, 20)),
    "small-depth.tif": lambda: tiff(x32997=(4, 2)),
    "bits.tif": lambda: tiff(20_000, 20_000, bits=64),
    "float.tif": lambda: tiff(20_000, 20_000, bits=64, x339=(3, 3)),
    "complex.tif": lambda: tiff(20_000, 20_000, bits=128, x339=(3, 6)),
    "signed.tif": lambda: tiff(20_000, 20_000, x339=(3, 2)),
    "one-bit.tif": lambda: tiff(BIG, BIG, bits=1),
    "palette.tif": lambda: tiff(20_000, 20_000, x262=(3, 3)),
    "deflate.tif": lambda: tiff(BIG, BIG, compression=8, data=zlib.compress(bytes(1000))),
    "lzw.tif": lambda: tiff(BIG, BIG, compression=5),
    "strip.tif": lambda: tiff(64, 64, x278=(4, 0xFFFFFFFF), x322=(4, BIG), x323=(4, BIG)),
    "tile.tif": lambda: tiff(64, 64, x322=(4, BIG), x323=(4, BIG), x324=(4, 8), x325=(4, 8)),
    "negative.tif": lambda: tiff(0xFFFFFFFF, 0xFFFFFFFF),
    "jpeg.tif": lambda: tiff(compression=7, data=large_jpeg()),
    "old-jpeg.tif": lambda: tiff(compression=6, data=large_jpeg()),
    "png.tif": lambda: tiff(compression=34_933, data=png(BIG, BIG)),
    "jpeg2000.tif": lambda: tiff(compression=34_712, data=large_jpeg_2000()),
    "webp.tif": lambda: tiff(compression=50_001, data=packed(Image.new("RGB", (99, 99)), "WEBP")),
    "unknown.tif": lambda: tiff(compression=60_000),
    "offset.tif": lambda: tiff(x273=(4, 0xFFFFFFF0)),
    "count.tif": lambda: tiff(x279=(4, 0xFFFFFFF0)),
    "grey.png": lambda: png(BIG, BIG),
    "grey16.png": lambda: png(SIDE, SIDE, 16),
    "rgba16.png": lambda: png(SIDE // 2, SIDE // 2, 16, 6),
    "palette.png": lambda: png(SIDE, SIDE, 8, 3),
    "bits.png": lambda: png(SIDE, SIDE, 1, 3),
    "huge.png": lambda: png(0x7FFFFFFF, 0x7FFFFFFF),
    "no-size.png": lambda: png(0, 0),
    "short.png": lambda: png(64, 64)[:20],
    "large.jpg": large_jpeg,
    "large.gif": large_gif,
    "large.bmp": large_bmp,
    "large.pgm": lambda: b"P5 40000 40000 255\n" + bytes(10),
    "large.ppm": lambda: b"P6 20000 20000 65535\n" + bytes(10),
    "plain.pbm": lambda: b"P1 99999 99999\n1",
    "large.mrc": lambda: mrc(SIDE, SIDE),
    "short.mrc": lambda: mrc(10_000, 10_000),
    "program.eps": lambda: (
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\n"
        b"(/tmp/renderws-eps) (w) file closefile showpage\n"
    ),
    "drawing.svg": lambda: b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>",
    "page.pdf": lambda: b"%PDF-1.4\n",
    "picture.wmf": lambda: b"\xd7\xcd\xc6\x9a" + bytes(60),
    "icons.ico": lambda: packed(Image.new("L", (16, 16)), "ICO"),
    "text.txt": lambda: b"no image",
    "empty.zip": lambda: b"PK\x05\x06" + bytes(18),
}


@pytest.mark.parametrize("loader", ["IMAGEJ_DEFAULT", "IMAGEJ_COMPOSITE"])
@pytest.mark.parametrize("name", FILES)
def test_a_small_file_that_claims_to_be_large_is_refused(server, name, loader):
    path = server.folder / name
    path.write_bytes(FILES[name]())
    answer = put_picture(server, picture({"imageUrl": str(path), "imageLoaderType": loader}))
    assert answer.status_code == 400, (answer.status_code, answer.text)
    assert "\n" not in answer.text
    assert peak(server) < 1500
    assert not Path("/tmp/renderws-eps").exists()


def test_a_tiff_whose_pages_lead_in_circles_ends(server):
    path = server.folder / "loop.tif"
    path.write_bytes(tiff_with_a_loop())
    for number in (None, 0, 1, 5_000_000):
        levels = {"imageUrl": str(path), "imageSliceNumber": number}
        answer = put_picture(server, picture(levels))
        assert answer.status_code == (200 if not number else 400), answer.text


def test_images_that_cannot_be_decoded_leave_no_memory_taken(server):
    path = server.folder / "cut.png"
    # larger than what malloc keeps for later in the arena of each thread, 32 MB
    values = np.random.default_rng(5).integers(0, 256, (6_100, 6_100)).astype(np.uint8)
    whole = packed(Image.fromarray(values), "PNG", compress_level=0)
    sizes = []
    for number in range(12):
        path.write_bytes(whole[: len(whole) // 2 + number])
        assert put_picture(server, picture(path)).status_code == 400
        text = Path(f"/proc/{server.process.pid}/status").read_text()
        sizes.append(int(text.split("VmRSS:")[1].split()[0]) / 1024)
    assert sizes[-1] < sizes[3] + 150  # MB; eight files that are kept would take 300


def peak(server):
    """Most memory that the process needed, megabytes."""
    text = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(text.split("VmHWM:")[1].split()[0]) / 1024


def zarr_documents():
    """Metadata of arrays without stored data: marker, document, loader."""
    base = {"zarr_format": 2, "dtype": "|u1", "fill_value": 7, "order": "C", "filters": None,
            "compressor": None}  # fmt: skip
    for shape, chunks in (
        ([BIG, BIG], [256, 256]), ([1, BIG, BIG], [1, BIG, BIG]), ([64, 64], [BIG, BIG]),
        ([64, 64], [1 << 31, 1 << 31]), ([1 << 40, 1 << 40], [1 << 20, 1 << 20]),
        ([64, 64], [0, 0]), ([64, 64], [-1, 4]), ([64, 64], [4]), ([-5, 64], [4, 4]), ([64], [4]),
        ([], []), (["x", 4], [4, 4]), ([64, 64], None), (None, [4, 4]),
    ):  # fmt: skip
        yield ".zarray", {**base, "shape": shape, "chunks": chunks}, "ZARR_SLICE"
    for dtype in ("<f8", "<c16", "|S9", "|V99999999", "<U8", "object", 5, None):
        document = {**base, "shape": [64, 64], "chunks": [64, 64], "dtype": dtype}
        yield ".zarray", document, "ZARR_SLICE"
    for size in ([BIG, BIG, 2], [1 << 40, 1 << 40, 1 << 40]):
        document = {"dimensions": size, "blockSize": size, "dataType": "uint8",
                    "compression": {"type": "raw"}}  # fmt: skip
        yield "attributes.json", document, "N5_SLICE"
    inner = {"name": "sharding_indexed", "configuration": {
        "chunk_shape": [1, 1], "codecs": [{"name": "bytes"}],
        "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}]}}  # fmt: skip
    grid = {"name": "regular", "configuration": {"chunk_shape": [30_000, 30_000]}}
    yield "zarr.json", {
        "zarr_format": 3, "node_type": "array", "shape": [30_000, 30_000], "data_type": "uint8",
        "chunk_grid": grid, "chunk_key_encoding": {"name": "default"}, "fill_value": 0,
        "codecs": [inner],
    }, "ZARR_SLICE"  # fmt: skip
    for text in ("[]", "5", "{", "[" * 100_000, "", '{"zarr_format": 2}'):
        yield ".zarray", text, "ZARR_SLICE"


def test_volumes_without_data_are_refused(server, tmp_path_factory):
    for number, (marker, document, loader) in enumerate(zarr_documents()):
        folder = server.folder / f"volume{number}"
        folder.mkdir()
        text = document if isinstance(document, str) else json.dumps(document)
        (folder / marker).write_text(text)
        level = {"imageUrl": str(folder), "imageLoaderType": loader}
        answer = put_picture(server, picture(level))
        assert answer.status_code == 400, (document, answer.status_code, answer.text)
        assert "\n" not in answer.text
    assert peak(server) < 1500


@pytest.mark.parametrize("codec", ["gzip", "zlib", "bz2", "zstd", "blosc"])
def test_chunks_inflate_no_further_than_chunks(server, codec):
    import imagecodecs

    folder = server.folder / f"bomb-{codec}.zarr"
    spec = {"driver": "zarr", "kvstore": {"driver": "file", "path": f"{folder}/"},
            "metadata": {"compressor": {"id": codec}, "chunks": [64, 64]}}  # fmt: skip
    tensorstore.open(spec, create=True, dtype=tensorstore.uint8, shape=[64, 64]).result()
    encode = {"gzip": imagecodecs.gzip_encode, "zlib": imagecodecs.zlib_encode,
              "bz2": imagecodecs.bz2_encode, "zstd": imagecodecs.zstd_encode,
              "blosc": imagecodecs.blosc_encode}[codec]  # fmt: skip
    for size in (1 << 24, 1 << 12):
        (folder / "0.0").write_bytes(encode(bytes(size)))
        level = {"imageUrl": str(folder), "imageLoaderType": "ZARR_SLICE"}
        answer = put_picture(server, picture(level))
        assert answer.status_code == (200 if size == 64 * 64 else 400), answer.text


def test_hdf5_planes_and_chunks_are_bounded(server):
    h5py = pytest.importorskip("h5py")
    path = server.folder / "large.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("plane", (2, BIG, BIG), np.uint8, chunks=(1, 256, 256))
        file.create_dataset("contiguous", (BIG, BIG), np.uint8)
        file.create_dataset("chunk", (64, 64), np.uint8, chunks=(64, 64), maxshape=(None, None))
        file.create_dataset("doubles", (64, 64), np.float64)
        file.create_dataset("texts", (64, 64), h5py.string_dtype())
        file.create_dataset("compound", (64, 64), np.dtype([("a", "u1"), ("b", "f8")]))
        file.create_dataset("scalar", data=np.uint8(1))
        file.create_dataset("null", data=h5py.Empty("u1"))
        file.create_group("group")
        bomb = file.create_dataset("bomb", (64, 64), np.uint8, chunks=(64, 64), compression="gzip")
        bomb.id.write_direct_chunk((0, 0), repeated(bytes(1 << 20), 1 << 11))
    for name in ("plane", "contiguous", "doubles", "texts", "compound", "scalar", "null", "group",
                 "bomb", "none"):  # fmt: skip
        level = {"imageUrl": f"{path}?dataSet={name}", "imageLoaderType": "H5_SLICE"}
        answer = put_picture(server, picture(level))
        assert answer.status_code == 400, (name, answer.status_code, answer.text)
    assert peak(server) < 1500


@pytest.mark.parametrize(("colour", "samples"), [(0, 1), (2, 3)], ids=["L", "RGB"])
def test_a_valid_png_of_14_000_x_14_000_is_drawn(server, colour, samples):
    path = server.folder / f"valid-{colour}.png"
    rows = (b"\0" + b"c" * 14_000 * samples) * 100  # c is 99
    path.write_bytes(png(14_000, 14_000, colour=colour, data=repeated(rows, 140)))
    answer = put_picture(server, picture(path))
    assert answer.status_code == 200, answer.text
    with Image.open(io.BytesIO(answer.content)) as image:
        assert image.getpixel((3, 3)) == (99, 99, 99, 255)
    path.unlink()


def test_usual_images_of_every_format_are_drawn(server):
    values = np.random.default_rng(3).integers(0, 256, (8, 8)).astype(np.uint8)
    for suffix in ("png", "bmp", "gif", "pgm", "webp", "jp2", "tif", "zip"):
        path = server.folder / f"usual.{suffix}"
        options = {"lossless": True} if suffix == "webp" else {}
        if suffix == "zip":
            import zipfile

            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.write(server.folder / "usual.tif", "a.tif")
        elif suffix == "tif":
            tifffile.imwrite(path, values, compression="zlib", predictor=True)
        else:
            Image.fromarray(values).save(path, **options)
        answer = put_picture(server, picture(path))
        assert answer.status_code == 200, (suffix, answer.text)
        with Image.open(io.BytesIO(answer.content)) as image:
            shown = np.asarray(image)[:7, :7, 0]
        assert np.array_equal(shown, values[:7, :7]), suffix
