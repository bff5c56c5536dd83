"""How image files become pixels: what phones, scanners and drawing programs write."""

import io
import sys

import numpy as np
import pytest
from PIL import Image

from dsd2.preprocessing import ImageError, open_image, orientation, read_image, upright_size

HOW = {"mode": "RGB", "size": 8, "fit": "square"}
GREY = {**HOW, "mode": "L"}


def encode(image, kind="PNG", **options):
    """The bytes of an image file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def corners(width=8, height=12):
    """A picture whose top is dark and whose left is red."""
    pixels = np.full((height, width, 3), 120, np.uint8)
    pixels[: height // 2] = 20
    pixels[:, : width // 2, 0] = 250
    return Image.fromarray(pixels)


def with_orientation(image, value, kind):
    """The file of a phone that is held so that a viewer must turn the image to show this one."""
    undo = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[value]
    stored = image if undo is None else image.transpose(undo)
    exif = Image.Exif()
    exif[0x0112] = value
    options = {"quality": 95, "subsampling": 0} if kind == "JPEG" else {}
    return encode(stored, kind, exif=exif, **options)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG"])
@pytest.mark.parametrize("value", range(1, 9))
def test_photos_are_turned_as_their_exif_says(value, kind):
    image = corners()
    data = with_orientation(image, value, kind)
    with open_image(data, "photo") as header:
        assert orientation(header) == value
        assert upright_size(header) == image.size
    expected = read_image(encode(image), HOW, "plain").astype(int)
    # JPEG and WEBP lose some of each pixel.
    allowed = 0 if kind in ("PNG", "TIFF") else 60
    assert np.abs(read_image(data, HOW, "photo") - expected).max() <= allowed


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_exif_turns_nothing():
    data = encode(corners(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert read_image(data, HOW, "photo").shape == (3, 8, 8)


@pytest.mark.parametrize("hidden", [(255, 0, 0), (0, 0, 0), (12, 200, 7)])
def test_transparent_parts_are_white_whatever_colour_they_hide(hidden):
    image = Image.new("RGBA", (8, 8), (*hidden, 0))
    image.paste((10, 20, 30, 255), (0, 0, 4, 8))
    pixels = read_image(encode(image), HOW, "cut-out")
    assert (pixels[:, :, 4:] == 255).all()
    assert pixels[:, 0, 0].tolist() == [10, 20, 30]
    image = Image.new("RGBA", (8, 8), (0, 0, 0, 128))
    assert set(read_image(encode(image), HOW, "half").flatten().tolist()) == {127}


def test_transparency_is_understood_in_every_mode():
    grey = Image.new("LA", (8, 8), (0, 0))
    assert (read_image(encode(grey), GREY, "grey") == 255).all()
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([0, 0, 0, 200, 0, 0])
    data = encode(palette, transparency=1)
    assert (read_image(data, HOW, "palette") == 255).all()
    assert (read_image(encode(palette, "GIF", transparency=1), HOW, "gif") == 255).all()
    red = Image.new("RGB", (8, 8), (255, 0, 0))
    data = encode(red, transparency=(255, 0, 0))
    assert (read_image(data, HOW, "colour key") == 255).all()


def test_sixteen_bits_are_scaled():
    values = np.array([[0, 128, 129, 257], [1000, 32768, 65406, 65535]], np.uint16)
    expected = np.round(values / 257).astype(int)
    with open_image(encode(Image.fromarray(values)), "scan") as image:
        assert image.mode.startswith("I")
    square = np.repeat(np.repeat(values, 2, 0), 1, 1)
    assert (
        read_image(encode(Image.fromarray(square)), {**GREY, "size": 4}, "scan")[0, ::2].tolist()
        == expected.tolist()
    )


def test_more_than_sixteen_bits_and_floats_are_refused():
    wide = Image.fromarray(np.full((8, 8), 70_000, np.int32))
    with pytest.raises(ImageError, match="scan: the image has values from 70000 to 70000"):
        read_image(encode(wide, "TIFF"), GREY, "scan")
    floats = Image.fromarray(np.full((8, 8), 0.5, np.float32))
    with pytest.raises(ImageError, match="scan: the image has floating-point pixels"):
        read_image(encode(floats, "TIFF"), GREY, "scan")


@pytest.mark.parametrize(
    "kind", ["AVIF", "BMP", "GIF", "ICO", "JPEG", "JPEG2000", "PCX", "PNG", "PPM", "TIFF", "WEBP"]
)
def test_the_content_says_what_a_file_is(tmp_path, kind):
    file = tmp_path / "photo.jpg"
    file.write_bytes(encode(Image.new("RGB", (16, 16), (200, 100, 50)), kind))
    pixels = read_image(file, HOW)
    assert np.abs(pixels[:, 4, 4].astype(int) - [200, 100, 50]).max() < 12


def test_of_an_animation_the_first_picture_is_read(tmp_path):
    first, second = (Image.new("RGB", (8, 8), (shade,) * 3) for shade in (40, 220))
    data = encode(first, "GIF", save_all=True, append_images=[second])
    assert set(read_image(data, GREY, "film").flatten().tolist()) == {40}


def test_heic_photos_are_read_and_turned_by_their_plugin():
    pytest.importorskip("pillow_heif", reason="pillow-heif is an extra")
    # Opening any image makes the plugin known to Pillow, which can write such files then, too.
    open_image(encode(Image.new("RGB", (8, 8))), "any").close()
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.new("RGB", (40, 20), (200, 100, 50))
    image.paste((0, 0, 255), (0, 0, 20, 20))
    data = encode(image, "HEIF", exif=exif.tobytes())
    with open_image(data, "photo") as header:
        assert upright_size(header) == (20, 40)
    pixels = read_image(data, HOW, "photo").astype(int)
    # What lies left lies above once the photo is turned.
    for row, colour in ((0, (0, 0, 255)), (7, (200, 100, 50))):
        assert np.abs(pixels[:, row, 4] - colour).max() < 8


def test_a_heic_photo_without_its_plugin_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.setattr(Image, "OPEN", {k: v for k, v in Image.OPEN.items() if k != "HEIF"})
    data = b"\0\0\0\x18ftypheic\0\0\0\0" + bytes(40)
    with pytest.raises(ImageError, match=r"photo: .*HEIC photo: pip install pillow-heif"):
        read_image(data, HOW, "photo")


def test_what_is_no_image_is_refused(tmp_path):
    for content, reason in ((b"", "the file is empty"), (b"<html>", "it is none of AVIF, BMP")):
        with pytest.raises(ImageError, match=f"page: the image cannot be decoded .*{reason}"):
            read_image(content, HOW, "page")
    with pytest.raises(ImageError, match=r"absent.png: the image cannot be decoded"):
        read_image(tmp_path / "absent.png", HOW)
