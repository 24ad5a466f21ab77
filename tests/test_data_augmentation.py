"""Augmentation is the mathematics of Keras' ImageDataGenerator, in one resampling."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from parnet_zoo.data.augmentation import Augmentation
from parnet_zoo.data.augmentation_spec import AugmentationSpec
from parnet_zoo.data.augmenting.brightness import BrightnessChange
from parnet_zoo.data.augmenting.geometry import NUMBERS, geometry_maps, moves
from parnet_zoo.data.program import compiled

# The generator's own doing.
pytestmark = pytest.mark.filterwarnings("ignore:Please import `affine_transform`")

BLOG = AugmentationSpec(
    rotation=50,
    width_shift=0.1,
    height_shift=0.1,
    shear=10,
    zoom=0.1,
    horizontal_flip=True,
    brightness=(0.7, 1.3),
)
SIZE = 40
NOISE = np.random.default_rng(0).integers(0, 256, (24, SIZE, SIZE, 3), np.uint8)
"""White noise: wherever a sample is taken from a wrong place it shows."""


def random_numbers(count: int = 24, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).random((count, NUMBERS))


def ours(spec: AugmentationSpec, uniforms: NDArray[np.float64]) -> NDArray[np.float32]:
    augmentation = Augmentation(spec, stored=SIZE, size=SIZE)
    pixels, *drawn = augmentation.draw(NOISE[: len(uniforms)], lambda *_: uniforms)
    (stage,) = augmentation.stages
    result: NDArray[np.float32] = compiled(stage.function)(pixels, *drawn).numpy()
    return result


def generators(spec: AugmentationSpec, uniforms: NDArray[np.float64]) -> NDArray[np.float32]:
    """The same images and amounts through Keras' generator."""
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    generator = ImageDataGenerator(fill_mode="nearest")
    results = []
    for image, row in zip(NOISE, uniforms, strict=False):
        turn, right, down, shear, wide, high = (2 * row[:6] - 1).tolist()
        parameters: dict[str, Any] = {
            "theta": spec.rotation * turn,
            "tx": spec.width_shift * right * SIZE,
            "ty": spec.height_shift * down * SIZE,
            "shear": spec.shear * shear,
            "zx": 1 + spec.zoom * wide,
            "zy": 1 + spec.zoom * high,
            "flip_horizontal": spec.horizontal_flip and row[6] < 0.5,
        }
        if spec.brightness is not None:
            low, high_end = spec.brightness
            parameters["brightness"] = low + (high_end - low) * row[7]
        results.append(generator.apply_transform(image.astype(np.float32), parameters))
    return np.stack(results)


GEOMETRY: dict[str, dict[str, Any]] = {
    "rotation": {"rotation": 50.0},
    "width shift": {"width_shift": 0.3},
    "height shift": {"height_shift": 0.3},
    "shear": {"shear": 30.0},
    "zoom": {"zoom": 0.4},
    "flip": {"horizontal_flip": True},
    "all": BLOG.model_copy(update={"brightness": None}).model_dump(),
}


@pytest.mark.parametrize("name", GEOMETRY)
def test_each_geometric_change_equals_the_generators(name: str) -> None:
    spec = AugmentationSpec(**GEOMETRY[name])
    expected = generators(spec, random_numbers())
    difference = np.abs(ours(spec, random_numbers()) - expected)
    assert np.abs(expected - NOISE).mean() > 10
    assert difference.max() < 0.1  # of 255; coordinates are float32 here and float64 there
    assert difference.mean() < 0.002


def test_brightness_equals_the_generators_up_to_its_rounding_down() -> None:
    spec = AugmentationSpec(brightness=(0.2, 2.5))
    difference = ours(spec, random_numbers()) - generators(spec, random_numbers())
    assert difference.min() > -1e-3
    assert difference.max() < 1


def test_all_eight_together_equal_the_generators_up_to_its_rounding_down() -> None:
    difference = ours(BLOG, random_numbers()) - generators(BLOG, random_numbers())
    assert difference.min() > -0.2
    assert difference.max() < 2.5  # it rounds down before it multiplies by up to 1.3, and after
    assert np.abs(difference).mean() < 1


def test_brightness_is_cut_off_at_white() -> None:
    bright = ours(AugmentationSpec(brightness=(3, 3)), random_numbers())
    np.testing.assert_array_equal(bright, np.minimum(NOISE * np.float32(3), 255))


@given(st.integers(1, 300), st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_zero_strength_is_the_identity(size: int, seed: int) -> None:
    maps = geometry_maps(AugmentationSpec(), random_numbers(5, seed), size)
    np.testing.assert_array_equal(maps, np.tile(np.eye(3), (5, 1, 1)))


def test_no_augmentation_changes_no_pixel() -> None:
    assert not moves(AugmentationSpec(brightness=(0.5, 2)))
    np.testing.assert_array_equal(ours(AugmentationSpec(), random_numbers()), NOISE)


def test_a_flip_alone_mirrors_about_every_second_image_exactly() -> None:
    uniforms = random_numbers()
    flipped = ours(AugmentationSpec(horizontal_flip=True), uniforms)
    mirror = uniforms[:, 6] < 0.5
    assert 5 < mirror.sum() < 19
    np.testing.assert_array_equal(flipped[mirror], NOISE[mirror][:, :, ::-1])
    np.testing.assert_array_equal(flipped[~mirror], NOISE[~mirror])


@pytest.mark.parametrize(("field", "axis"), [("width_shift", 2), ("height_shift", 1)])
def test_a_shift_moves_along_the_axis_of_its_name(field: str, axis: int) -> None:
    uniforms = np.ones((1, NUMBERS))  # the largest shift, 0.25 * 40 pixels
    moved = ours(AugmentationSpec.model_validate({field: 0.25}), uniforms)
    expected = np.take(NOISE[:1], np.minimum(np.arange(SIZE) + 10, SIZE - 1), axis=axis)
    np.testing.assert_array_equal(moved, expected)


@given(st.integers(0, 10**6), st.integers(0, 22))
@settings(max_examples=10, deadline=None)
def test_an_image_is_augmented_alike_in_any_company(seed: int, index: int) -> None:
    uniforms = random_numbers(24, seed)
    together = geometry_maps(BLOG, uniforms, SIZE)
    alone = geometry_maps(BLOG, uniforms[index : index + 1], SIZE)
    np.testing.assert_array_equal(together[index : index + 1], alone)


@given(st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_factors_stay_in_the_range_of_the_spec(seed: int) -> None:
    factors = BrightnessChange(0.7, 1.3).draw(lambda *_: random_numbers(50, seed))
    assert factors.min() >= np.float32(0.7)
    assert factors.max() <= np.float32(1.3)
    assert np.unique(factors).size > 25
