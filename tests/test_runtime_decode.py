import csv
import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from parnet_zoo.serving.runtime import (
    MAX_BYTES,
    ImageDecodeError,
    bytes_from_base64,
    decode_image,
)
from tests.serving_helpers import encoded

Result = TypeVar("Result")

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "JPEG2000")


def quarters() -> Image.Image:
    """Upper left red, upper right green, lower left blue, lower right white; 40 wide, 20 high."""
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:10, :20] = (255, 0, 0)
    pixels[:10, 20:] = (0, 255, 0)
    pixels[10:, :20] = (0, 0, 255)
    pixels[10:, 20:] = (255, 255, 255)
    return Image.fromarray(pixels)


def saved(image: Image.Image, file_format: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises this size and holds no pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + checksum

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.parametrize("file_format", FORMATS)
def test_every_supported_format_gives_the_picture_in_rgb(file_format: str) -> None:
    pixels = decode_image(encoded((200, 100, 50), file_format=file_format, size=(64, 48)), 16)
    assert pixels.shape == (16, 16, 3)
    assert pixels.dtype == np.uint8
    # GIF has no more than 256 colours to choose from.
    assert np.abs(pixels.astype(int) - (200, 100, 50)).max() <= (12 if file_format == "GIF" else 3)


def test_bytes_path_array_and_pil_image_of_a_picture_give_equal_pixels(tmp_path: Path) -> None:
    image = quarters()
    data = saved(image, "PNG")
    path = tmp_path / "picture.without.suffix"
    path.write_bytes(data)
    expected = decode_image(data, 16)
    for source in (bytearray(data), memoryview(data), path, str(path), np.asarray(image), image):
        np.testing.assert_array_equal(decode_image(source, 16), expected)


def test_stretch_shows_all_of_the_picture_and_crop_the_middle_square() -> None:
    picture = np.zeros((10, 30, 3), np.uint8)
    picture[:, 10:20] = 255
    assert decode_image(picture, 10, "crop").min() == 255
    stretched = decode_image(picture, 30, "stretch")
    assert stretched[:, 1].max() == 0
    assert stretched[:, 15].min() == 255


def test_shrinking_averages_instead_of_picking_pixels() -> None:
    fine_stripes = np.zeros((64, 64), np.uint8)
    fine_stripes[:, ::2] = 255
    pixels = decode_image(fine_stripes, 8).astype(int)
    assert np.abs(pixels - 127).max() < 10


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_turns_the_picture_upright(file_format: str, orientation: int) -> None:
    # How a camera stores the upright picture for each value of the tag: the inverse of what a
    # reader does.
    stored_by_camera = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    image = quarters()
    if orientation in stored_by_camera:
        image = image.transpose(stored_by_camera[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = decode_image(saved(image, file_format, exif=exif), 16).astype(int)
    corners = pixels[[3, 3, 12, 12], [3, 12, 3, 12]]
    expected = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)]
    assert np.abs(corners - expected).max() < 40


@pytest.mark.parametrize(
    ("mode", "colour", "file_format", "expected"),
    [
        ("L", (120,), "PNG", (120, 120, 120)),
        ("1", (1,), "PNG", (255, 255, 255)),
        ("P", (0,), "PNG", (0, 0, 0)),
        ("LA", (0, 255), "PNG", (0, 0, 0)),
        ("LA", (0, 0), "PNG", (255, 255, 255)),
        ("RGBA", (0, 0, 255, 255), "PNG", (0, 0, 255)),
        ("RGBA", (0, 0, 255, 0), "PNG", (255, 255, 255)),
        ("RGBA", (0, 0, 255, 51), "WEBP", (204, 204, 255)),
        ("CMYK", (0, 255, 255, 0), "JPEG", (255, 0, 0)),
        ("CMYK", (0, 255, 255, 0), "TIFF", (255, 0, 0)),
    ],
)
def test_grey_palette_alpha_and_cmyk_become_rgb_with_alpha_over_white(
    mode: str, colour: tuple[int, ...], file_format: str, expected: tuple[int, int, int]
) -> None:
    value = colour if len(colour) > 1 else colour[0]
    data = saved(Image.new(mode, (16, 16), value), file_format)
    assert np.abs(decode_image(data, 8).astype(int) - expected).max() <= 4


def test_a_transparent_palette_colour_is_white() -> None:
    image = Image.new("P", (16, 16), 3)
    image.putpalette([10, 20, 30] * 256)
    assert decode_image(saved(image, "PNG", transparency=3), 8).min() == 255
    assert decode_image(saved(image, "PNG"), 8)[0, 0].tolist() == [10, 20, 30]


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled_to_8_bits(file_format: str) -> None:
    sixteen = np.array([[0, 257 * 10], [257 * 128, 65535]], np.uint16).repeat(8, 0).repeat(8, 1)
    pixels = decode_image(saved(Image.fromarray(sixteen), file_format), 16)
    corners = pixels[[0, 0, 15, 15], [0, 15, 0, 15], 0]
    assert corners.tolist() == [0, 10, 128, 255]


def test_of_an_animation_the_first_picture_counts() -> None:
    first, second = Image.new("RGB", (8, 8), "blue"), Image.new("RGB", (8, 8), "red")
    for file_format in ("GIF", "WEBP", "PNG", "TIFF"):
        data = saved(first, file_format, save_all=True, append_images=[second])
        assert np.abs(decode_image(data, 8).astype(int) - (0, 0, 255)).max() <= 3


def test_a_pil_image_is_left_as_it_was() -> None:
    data = saved(Image.new("RGB", (800, 800), "red"), "JPEG")
    image = Image.open(io.BytesIO(data))
    decode_image(image, 16)
    assert image.size == (800, 800)


def test_large_photographs_are_shrunk_in_the_decoder_to_nearly_the_same_pixels() -> None:
    rng = np.random.default_rng(0)
    smooth = Image.fromarray(rng.integers(0, 256, (6, 6, 3), np.uint8)).resize((1600, 1200))
    exact = decode_image(np.asarray(smooth), 32).astype(int)
    drafted = decode_image(saved(smooth, "JPEG", quality=95), 32).astype(int)
    assert np.abs(exact - drafted).max() <= 6


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 3), (5, 7, 4)])
def test_pixel_arrays_of_every_kind_are_taken(shape: tuple[int, ...]) -> None:
    pixels = np.full(shape, 255, np.uint8)
    assert decode_image(pixels, 4).tolist() == np.full((4, 4, 3), 255).tolist()


@pytest.mark.parametrize(
    ("pixels", "complaint"),
    [
        (np.zeros((4, 4, 3), np.float32), "uint8"),
        (np.zeros((4, 4, 2), np.uint8), r"shape \(h, w\)"),
        (np.zeros(4, np.uint8), r"shape \(h, w\)"),
        (np.zeros((0, 4, 3), np.uint8), "no pixels"),
        (np.broadcast_to(np.uint8(0), (10_000, 10_000)), "10000 x 10000 pixels, more than 64"),
    ],
)
def test_other_arrays_are_refused_with_what_is_wanted(pixels: np.ndarray, complaint: str) -> None:
    with pytest.raises(ImageDecodeError, match=complaint):
        decode_image(pixels, 4)


@pytest.mark.parametrize("data", [b"", b"no picture", b"<svg></svg>", b"%!PS-Adobe-3.0 EPSF-3.0"])
def test_bytes_that_are_no_picture_are_refused(data: bytes) -> None:
    with pytest.raises(ImageDecodeError, match=r"empty|not a picture in JPEG, PNG"):
        decode_image(data, 8)


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_picture_that_is_cut_off_is_refused_instead_of_filled_with_grey(
    file_format: str,
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    data = saved(Image.fromarray(noise), file_format)
    with pytest.raises(ImageDecodeError, match=r"broken or cut off|not a picture"):
        decode_image(data[: len(data) // 2], 8)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (png_header(30_000, 30_000), "too many pixels"),
        (png_header(8_000, 8_000), "8000 x 8000 pixels, more than 40 million"),
        (bytes(MAX_BYTES + 1), "larger than 64 MB"),
    ],
    ids=["beyond Pillow's limit too", "beyond ours only", "bytes"],
)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_bombs_are_refused_by_their_size_before_a_pixel_is_decoded(
    data: bytes, complaint: str
) -> None:
    with pytest.raises(ImageDecodeError, match=complaint):
        decode_image(data, 8)


def test_the_pixel_limit_holds_where_a_program_has_switched_pillows_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    with pytest.raises(ImageDecodeError, match="30000 x 30000 pixels"):
        decode_image(png_header(30_000, 30_000), 8)


def test_a_jpeg_with_scans_without_end_is_refused() -> None:
    data = saved(Image.new("RGB", (4000, 4000)), "JPEG", progressive=True)
    scans = data.index(b"\xff\xda")
    endless = data[:scans] + data[scans:-2] * 20 + data[-2:]
    assert decode_image(data, 8).shape == (8, 8, 3)
    with pytest.raises(ImageDecodeError, match="too many scans"):
        decode_image(endless, 8)


def test_a_strip_of_one_pixel_height_is_cropped_without_building_the_enlarged_strip() -> None:
    strip = saved(Image.new("RGB", (60_000, 1), "red"), "PNG")
    assert decode_image(strip, 512, "crop")[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("path", ["missing.png", ".", "nul\0.png", "x" * 5000])
def test_paths_that_are_no_file_are_refused(path: str, tmp_path: Path) -> None:
    with pytest.raises(ImageDecodeError, match=r"no such file|not a file|cannot be read"):
        decode_image(str(tmp_path / path), 8)


def test_wrong_arguments_are_the_callers_error_not_the_pictures() -> None:
    with pytest.raises(ValueError, match="size must be 1 or more") as error:
        decode_image(encoded(), 0)
    assert not isinstance(error.value, ImageDecodeError)
    with pytest.raises(ValueError, match="resize must be"):
        decode_image(encoded(), 8, "fit")  # type: ignore[arg-type]  # the point of the test


def attempt(call: Callable[[], Result]) -> Result | str:
    """The result, or the sentence of the one error that is allowed."""
    try:
        return call()
    except ImageDecodeError as error:
        return str(error)


BASES = [
    *(saved(quarters(), file_format) for file_format in FORMATS),
    saved(quarters(), "JPEG", progressive=True),
    saved(quarters().convert("CMYK"), "JPEG"),
    saved(quarters().convert("P"), "PNG"),
    saved(quarters().convert("RGBA"), "WEBP", lossless=True),
    saved(quarters(), "TIFF", compression="tiff_lzw"),
]


@st.composite
def damaged_pictures(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(BASES)))
    for _ in range(draw(st.integers(1, 8))):
        place = draw(st.integers(0, len(data) - 1))
        if draw(st.booleans()):
            data[place] = draw(st.integers(0, 255))
        else:
            data[place : place + draw(st.integers(0, 20))] = draw(st.binary(max_size=8))
        data = data or bytearray(b"\0")
    return bytes(data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data)


@given(data=st.one_of(st.binary(max_size=200), damaged_pictures()))
@settings(max_examples=400, deadline=None)
@pytest.mark.filterwarnings("ignore")
def test_any_bytes_give_pixels_or_one_sentence(data: bytes) -> None:
    outcome = attempt(lambda: decode_image(data, 8))
    if isinstance(outcome, str):
        assert len(outcome.splitlines()) == 1
        assert len(outcome) < 120
    else:
        assert outcome.shape == (8, 8, 3)


@pytest.mark.filterwarnings("ignore")
def test_odd_pictures_from_the_wild_decode_unless_their_data_is_cut_off(shared: Path) -> None:
    folder = shared / "data" / "odd_images"
    with (folder / "LIST.csv").open(newline="") as listing:
        rows = list(csv.DictReader(listing))
    refused = set()
    for row in rows:
        try:
            assert decode_image(folder / row["file"], 32).shape == (32, 32, 3)
        except ImageDecodeError:
            refused.add(row["file"])
    assert refused == {row["file"] for row in rows if "LOAD-ERROR" in row["what_pillow_says"]}
    assert refused


class TestBase64:
    @given(data=st.binary(max_size=100), url_safe=st.booleans(), padded=st.booleans())
    def test_what_was_encoded_comes_back(
        self, data: bytes, *, url_safe: bool, padded: bool
    ) -> None:
        import base64

        text = (base64.urlsafe_b64encode if url_safe else base64.b64encode)(data).decode()
        assert bytes_from_base64(text if padded else text.rstrip("=")) == data
        assert bytes_from_base64(f"data:image/png;base64,{text}") == data
        assert bytes_from_base64(base64.encodebytes(data).decode()) == data

    @given(text=st.text(max_size=80))
    def test_any_text_gives_bytes_or_the_error(self, text: str) -> None:
        outcome = attempt(lambda: bytes_from_base64(text))
        assert isinstance(outcome, bytes) or outcome in (
            "this is not base64 text",
            "the data URL does not hold base64",
        )

    def test_too_long_text_and_other_data_urls_are_refused(self) -> None:
        with pytest.raises(ImageDecodeError, match="larger than 64 MB"):
            bytes_from_base64("A" * (2 * MAX_BYTES))
        with pytest.raises(ImageDecodeError, match="data URL does not hold base64"):
            bytes_from_base64("data:text/plain,hello")
