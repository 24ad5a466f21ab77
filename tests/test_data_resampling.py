"""One resampling crops, moves and changes the size, without much aliasing."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from parnet_zoo.data.augmentation import Augmentation
from parnet_zoo.data.augmentation_spec import AugmentationSpec, ResizedCrop
from parnet_zoo.data.augmenting.rectangles import rectangles
from parnet_zoo.data.augmenting.resized_crop import crop_maps, crop_parts
from parnet_zoo.data.augmenting.streams import Stream


def resampled(
    image: NDArray[np.uint8],
    size: int,
    numbers: float | dict[Stream, NDArray[np.float64]] = 0.5,
    **spec: Any,
) -> NDArray[np.float32]:
    """One image at another size, with these random numbers, or one instead of all of them."""
    augmentation = Augmentation(AugmentationSpec(**spec), stored=len(image), size=size)

    def uniforms(stream: Stream, count: int) -> NDArray[np.float64]:
        return numbers[stream] if isinstance(numbers, dict) else np.full((1, count), numbers)

    pixels, *rest = augmentation.draw(image[None], uniforms)
    result: Any = pixels
    for function, arrays in augmentation.stages:
        result = function(result, *rest[:arrays])
        rest = rest[arrays:]
    assert not rest
    array: NDArray[np.float32] = np.asarray(result)[0]
    return array


def smooth(size: int) -> NDArray[np.uint8]:
    """A picture without fine detail: every good way to change its size gives the same."""
    x, y = np.meshgrid(np.arange(size) + 0.5, np.arange(size) + 0.5)
    waves = [np.sin(2 * np.pi * (x * a + y * b) / size) for a, b in ((1, 0), (0, 2), (1, 1))]
    return np.rint(127.5 + 100 * np.stack(waves, axis=-1)).astype(np.uint8)


def checkerboard(size: int) -> NDArray[np.uint8]:
    board = np.indices((size, size)).sum(axis=0) % 2 * 255
    return np.repeat(board[:, :, None], 3, axis=2).astype(np.uint8)


@pytest.mark.parametrize(("stored", "size"), [(64, 48), (64, 32), (96, 32), (90, 40), (32, 48)])
def test_another_size_is_what_pillow_makes_of_the_image(stored: int, size: int) -> None:
    image = smooth(stored)
    pillows = Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR)
    difference = np.abs(resampled(image, size) - np.asarray(pillows))
    assert difference[2:-2, 2:-2].max() < 5
    assert difference.max() < 12  # the edges, where the neighbours differ


def test_half_the_size_is_the_mean_of_four_pixels() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    means = noise.reshape(16, 2, 16, 2, 3).mean(axis=(1, 3))
    assert np.abs(resampled(noise, 16) - means).max() <= 0.5


@pytest.mark.parametrize("size", [90, 64, 45, 40, 32, 21, 16, 7])
def test_a_fine_checkerboard_becomes_grey_and_no_pattern(size: int) -> None:
    grey = resampled(checkerboard(128), size)
    assert np.abs(grey - 127.5).max() < 2


def test_a_crop_is_read_without_halving_where_its_pixels_are_needed() -> None:
    half = ResizedCrop(area=(0.25, 0.25), ratio=(1, 1))
    board = resampled(checkerboard(128), 64, resized_crop=half)
    assert np.abs(board - 127.5).min() > 127
    whole = ResizedCrop(area=(0.25, 1), ratio=(1, 1))
    detailed = resampled(checkerboard(128), 64, numbers=0, resized_crop=whole)
    grey = resampled(checkerboard(128), 64, numbers=1 - 1e-12, resized_crop=whole)
    assert np.abs(detailed - 127.5).min() > 100
    assert np.abs(grey - 127.5).max() < 2


def test_a_strong_zoom_out_is_halved_too() -> None:
    out = resampled(checkerboard(64), 64, numbers=1 - 1e-12, zoom=0.9)
    assert np.abs(out[16:48, 16:48] - 127.5).max() < 10


@pytest.mark.parametrize("number", [0.1, 0.5, 0.8])
def test_a_crop_is_pillows_crop_blown_up(number: float) -> None:
    image, spec = smooth(96), ResizedCrop(area=(0.3, 0.6), ratio=(0.6, 1.6))
    ours = resampled(image, 64, numbers=number, resized_crop=spec)
    ((left, top, width, height),) = 96 * crop_parts(spec, np.full((1, 4), number))
    box = (left, top, left + width, top + height)
    pillows = Image.fromarray(image).resize((64, 64), Image.Resampling.BILINEAR, box=box)
    assert np.abs(ours - np.asarray(pillows))[2:-2, 2:-2].max() < 3


def test_what_moves_into_a_crop_from_beyond_its_edge_is_the_image_there() -> None:
    black_and_white = np.zeros((96, 96, 3), np.uint8)
    black_and_white[:, 48:] = 255
    black_half = ResizedCrop(area=(0.25, 0.25), ratio=(1, 1))
    to_the_right = np.array([[0.5, 1 - 1e-12, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]])
    numbers = {Stream.RESIZED_CROP: np.zeros((1, 4)), Stream.GEOMETRY_AND_BRIGHTNESS: to_the_right}
    still = resampled(black_and_white, 48, numbers, resized_crop=black_half)
    moved = resampled(black_and_white, 48, numbers, resized_crop=black_half, width_shift=0.5)
    assert still.max() == 0
    assert moved[:, :23].max() == 0
    assert moved[:, 25:].min() == 255


shares = st.floats(0.01, 1)
ratios = st.floats(0.01, 100)


@given(st.tuples(shares, shares).map(sorted), st.tuples(ratios, ratios).map(sorted), st.data())
@settings(max_examples=50, deadline=None)
def test_rectangles_lie_inside_the_image_and_have_the_area_that_was_asked(
    area: list[float], ratio: list[float], data: st.DataObject
) -> None:
    uniforms = np.random.default_rng(data.draw(st.integers(0, 10**6))).random((20, 4))
    left, top, width, height = rectangles((area[0], area[1]), (ratio[0], ratio[1]), uniforms).T
    assert min(left.min(), top.min()) >= 0
    assert max((left + width).max(), (top + height).max()) <= 1 + 1e-12
    areas = area[0] + (area[1] - area[0]) * uniforms[:, 0]
    np.testing.assert_allclose(width * height, areas, rtol=1e-9)
    wanted = np.clip(width / height, ratio[0], ratio[1])
    fits = (width < 1 - 1e-9) & (height < 1 - 1e-9)
    np.testing.assert_allclose((width / height)[fits], wanted[fits], rtol=1e-6)


@given(st.integers(1, 500), st.integers(1, 500))
@settings(max_examples=25, deadline=None)
def test_the_whole_image_maps_edges_to_edges(stored: int, size: int) -> None:
    (whole,) = crop_maps(np.array([[0.0, 0.0, 1.0, 1.0]]), stored, size)
    corners = np.array([[-0.5, -0.5, 1], [size - 0.5, size - 0.5, 1]])
    np.testing.assert_allclose(
        (corners @ whole.T)[:, :2], [[-0.5, -0.5], [stored - 0.5] * 2], atol=1e-9
    )
