"""What pictures are damaged with, and the ten crops: each is what its description says."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from parnet_zoo.evaluation.corruptions import CORRUPTIONS, Corruption
from parnet_zoo.evaluation.ten_crop import larger_size, ten_crops

PICTURES = st.integers(1, 12).flatmap(lambda side: arrays(np.uint8, (side, side, 3)))


def photograph(size: int = 48) -> NDArray[np.uint8]:
    """Something with edges, slopes and texture."""
    y, x = np.mgrid[:size, :size]
    waves = 128 + 60 * np.sin(x / 5) + 50 * (y > size // 2)
    rng = np.random.default_rng(3)
    coloured = np.stack([waves, np.roll(waves, 7, 1), waves[::-1]], -1)
    return np.clip(coloured + rng.normal(0, 4, (size, size, 3)), 0, 255).astype(np.uint8)


@given(picture=PICTURES, corruption=st.sampled_from(CORRUPTIONS), seed=st.integers())
def test_damage_keeps_the_shape_and_depends_on_picture_strength_and_seed_only(
    picture: NDArray[np.uint8], corruption: Corruption, seed: int
) -> None:
    before = picture.copy()
    damaged = corruption(picture, seed)
    assert damaged.shape == picture.shape
    assert damaged.dtype == np.uint8
    assert np.array_equal(picture, before), "the picture itself stays as it is"
    assert np.array_equal(damaged, corruption(np.asfortranarray(picture), seed))


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0, 4.0])
def test_blur_is_a_gaussian_of_so_many_pixels(sigma: float) -> None:
    picture = photograph()
    exact = gaussian_filter(
        picture.astype(np.float64), (sigma, sigma, 0), mode="nearest", truncate=4.0
    )
    blurred = Corruption("blur", sigma, "")(picture)
    assert np.abs(blurred.astype(float) - exact).max() <= 0.51


@given(colour=st.integers(0, 255), sigma=st.sampled_from([0.5, 1.0, 2.0, 4.0]))
def test_blur_leaves_one_colour_alone(colour: int, sigma: float) -> None:
    plain = np.full((7, 7, 3), colour, np.uint8)
    assert np.array_equal(Corruption("blur", sigma, "")(plain), plain)


@pytest.mark.parametrize("deviation", [8.0, 16.0, 32.0])
def test_noise_has_so_many_grey_levels_and_no_bias(deviation: float) -> None:
    grey = np.full((96, 96, 3), 128, np.uint8)
    noise = Corruption("noise", deviation, "")(grey, 1).astype(float) - 128
    assert noise.std() == pytest.approx(deviation, rel=0.03)
    assert abs(noise.mean()) < 0.05 * deviation
    channels = np.corrcoef(noise.reshape(-1, 3).T)
    assert np.abs(channels - np.eye(3)).max() < 0.05, "channels are independent"


def test_noise_is_drawn_by_seed_and_picture_and_scaled_by_strength() -> None:
    grey, other = np.full((32, 32, 3), 128, np.uint8), np.full((32, 32, 3), 129, np.uint8)
    weak, strong = Corruption("noise", 8, ""), Corruption("noise", 16, "")
    assert np.array_equal(weak(grey, 5), weak(grey.copy(), 5))
    assert not np.array_equal(weak(grey, 5), weak(grey, 6))
    assert not np.array_equal(weak(grey, 5) - 128, weak(other, 5) - 129)
    small, large = (c(grey, 5).astype(float) - 128 for c in (weak, strong))
    assert np.abs(large - 2 * small).max() <= 1.5, "the same noise, twice as strong"


def test_jpeg_is_what_a_file_of_that_quality_holds() -> None:
    picture = photograph()
    for corruption in [c for c in CORRUPTIONS if c.kind == "jpeg"]:
        file = io.BytesIO()
        Image.fromarray(picture).save(
            file, "JPEG", quality=int(corruption.strength), subsampling="4:2:0"
        )
        assert np.array_equal(corruption(picture), np.asarray(Image.open(file)))


@given(picture=PICTURES, factor=st.sampled_from([0.25, 0.5, 1.5, 2.0]))
def test_brightness_multiplies_and_clips(picture: NDArray[np.uint8], factor: float) -> None:
    wanted = np.clip(np.rint(picture * factor), 0, 255)
    assert np.array_equal(Corruption("brightness", factor, "")(picture), wanted)


@pytest.mark.parametrize("kind", ["blur", "noise", "jpeg"])
def test_what_is_stronger_changes_more(kind: str) -> None:
    picture = photograph().astype(float)
    changes = [
        float(np.abs(corruption(picture.astype(np.uint8)) - picture).mean())
        for corruption in CORRUPTIONS
        if corruption.kind == kind
    ]
    assert len(changes) == 4
    assert changes == sorted(changes)
    assert changes[0] > 0


@given(size=st.integers(1, 40))
def test_ten_crops_are_the_corners_and_the_centre_and_their_mirror_images(size: int) -> None:
    larger = larger_size(size)
    assert larger == round(size / 0.875)
    picture = np.random.default_rng(size).integers(0, 256, (larger, larger, 3), np.uint8)
    crops = ten_crops(picture, size)
    assert crops.shape == (10, size, size, 3)
    corners = (picture[:size, :size], picture[:size, -size:], picture[-size:, :size])
    for crop, corner in zip(crops, corners, strict=False):
        assert np.array_equal(crop, corner)
    assert np.array_equal(crops[3], picture[-size:, -size:])
    middle = (larger - size) // 2
    assert np.array_equal(crops[4], picture[middle : middle + size, middle : middle + size])
    assert np.array_equal(crops[5:], crops[:5, :, ::-1])


def test_crops_do_not_come_out_of_a_smaller_picture() -> None:
    with pytest.raises(ValueError, match="crops of 9 pixels"):
        ten_crops(np.zeros((8, 8, 3), np.uint8), 9)
