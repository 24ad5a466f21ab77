"""Changes of colour and RandAugment do what Pillow's and Keras' do at the same strength."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from parnet_zoo.data.augmentation_spec import ColorJitter, RandAugment
from parnet_zoo.data.augmenting.color_jitter import JitterChange
from parnet_zoo.data.augmenting.hue import HueChange
from parnet_zoo.data.augmenting.randaugment import (
    OPERATIONS,
    Choices,
    choose,
    color_operation,
    operation_maps,
    recolored,
)
from parnet_zoo.data.augmenting.resampling import Resampling

SIZE = 48
Pixels = NDArray[np.float32]


def pictures(size: int = SIZE) -> NDArray[np.uint8]:
    """Six with gradients, noise, and a flat grey, whose hue is undefined."""
    generator = np.random.default_rng(0)
    x, y = np.meshgrid(np.linspace(30, 220, size), np.linspace(200, 40, size))
    noisy = np.stack([x, y, (x + y) / 2], axis=-1) + generator.normal(0, 20, (6, size, size, 3))
    noisy[:, :4, :4] = 128
    return np.clip(noisy, 12, 240).astype(np.uint8)


def by_pillow(operation: Callable[[Image.Image], Image.Image], size: int = SIZE) -> Any:
    """The pictures after an operation, as numbers that can be negative."""
    return np.stack([np.asarray(operation(Image.fromarray(p)), float) for p in pictures(size)])


def alike(number: float) -> Callable[[int, int], NDArray[np.float64]]:
    return lambda _stream, count: np.full((len(pictures()), count), number)


def drawn(seed: int, images: int = 6) -> Callable[[int, int], NDArray[np.float64]]:
    return lambda stream, count: np.random.default_rng([seed, stream]).random((images, count))


def jittered(number: float, **strengths: float) -> Pixels:
    change = JitterChange(ColorJitter(**strengths))
    result: Pixels = np.asarray(
        change.apply(pictures().astype(np.float32), change.draw(alike(number)))
    )
    return result


@pytest.mark.parametrize("number", [0.0, 0.2, 0.7, 1 - 1e-12])
@pytest.mark.parametrize(
    ("field", "enhancer"),
    [("brightness", "Brightness"), ("contrast", "Contrast"), ("saturation", "Color")],
)
def test_jitter_is_pillows_enhancement_but_for_its_rounding(
    field: str, enhancer: str, number: float
) -> None:
    factor = 1 + 0.8 * (2 * number - 1)
    enhance = getattr(ImageEnhance, enhancer)
    pillows = by_pillow(lambda picture: enhance(picture).enhance(factor))
    ours = jittered(number, **{field: 0.8})
    assert np.abs(pillows - pictures()).mean() > 2
    # It cuts fractions off twice, and takes the mean grey as a whole number.
    assert np.abs(ours - pillows).max() < 2
    assert ours.max() <= 255


@pytest.mark.parametrize("turn", [-0.5, -0.21, 0.1, 0.4])
def test_a_turn_of_the_hue_is_keras(turn: float) -> None:
    import keras

    images = pictures().astype(np.float32)
    layer = keras.layers.RandomHue(1.0, value_range=(0, 255))
    factor = np.full(len(images), turn, np.float32)
    theirs = np.asarray(layer.transform_images(images, {"factor": factor}))
    ours = np.asarray(HueChange(0.5).apply(images, factor))
    np.testing.assert_allclose(ours, theirs, atol=0.01)
    np.testing.assert_allclose(ours[:, :4, :4], 128, atol=0.001)


def test_no_turn_of_the_hue_changes_nothing_and_turns_stay_in_their_range() -> None:
    images = pictures().astype(np.float32)
    still = HueChange(0.5).apply(images, np.zeros(6, np.float32))
    np.testing.assert_allclose(np.asarray(still), images, atol=0.001)
    turns = HueChange(0.2).draw(drawn(0, 500))
    assert -0.2 <= turns.min() < -0.19
    assert 0.19 < turns.max() <= 0.2


def test_strengths_are_drawn_evenly_about_no_change() -> None:
    spec = ColorJitter(brightness=0.3, contrast=0.1, saturation=1.0)
    factors = JitterChange(spec).draw(drawn(0, 2000))
    np.testing.assert_allclose(factors.mean(axis=0), 1, atol=0.05)
    np.testing.assert_allclose(factors.min(axis=0), [0.7, 0.9, 0.0], atol=0.01)
    np.testing.assert_allclose(factors.max(axis=0), [1.3, 1.1, 2.0], atol=0.01)


def by_keras(name: str, images: Pixels) -> Any:
    """Keras' operation at the strength of `color_operation(name, 0.75)`."""
    from keras import layers

    factor = 1 + 0.9 * 0.75
    theirs: dict[str, tuple[Any, dict[str, Any]]] = {
        "autocontrast": (layers.AutoContrast(), {}),
        "equalize": (layers.Equalization(), {}),
        "solarize": (layers.Solarization(), {"thresholds": 64.0, "additions": 0.0}),
        "posterize": (layers.RandomPosterization(5), {"shift_factor": np.full(6, 3, np.uint8)}),
        "color": (layers.RandomColorDegeneration(1.0), {"factor": np.float32(1 - factor)}),
        "sharpness": (layers.RandomSharpness(1.0), {"factor": np.float32(factor / 2)}),
    }
    layer, amounts = theirs[name]
    return np.asarray(layer.transform_images(images, amounts))


@pytest.mark.parametrize(
    "name", ["autocontrast", "equalize", "solarize", "posterize", "color", "sharpness"]
)
def test_randaugments_colour_operations_are_keras(name: str) -> None:
    # Where a grey level has few pixels, the two round the steps of a histogram differently.
    size = 192 if name == "equalize" else SIZE
    ours = by_pillow(color_operation(name, 0.75), size)
    theirs = by_keras(name, pictures(size).astype(np.float32))
    inside = np.abs(ours - theirs)[:, 1:-1, 1:-1]  # Keras sharpens against black beyond the edge
    assert np.abs(ours - pictures(size)).mean() > 1
    assert inside.max() < (6 if name == "equalize" else 2)


@pytest.mark.parametrize("name", ["brightness", "contrast"])
def test_randaugments_brightness_and_contrast_are_the_jitters(name: str) -> None:
    change = JitterChange(ColorJitter.model_validate({name: 1.0}))
    factors = np.tile(np.float32(1 - 0.9 * 0.75), (6, 3))
    same = np.asarray(change.apply(pictures().astype(np.float32), factors))
    assert np.abs(by_pillow(color_operation(name, -0.75)) - same).max() < 2


def same_for_all(*names: str) -> Choices:
    operations = [OPERATIONS.index(name) for name in names]
    return Choices(np.tile(operations, (6, 1)), np.ones((6, len(names))))


@pytest.mark.parametrize(
    "name", ["identity", "solarize", "posterize", "color", "contrast", "brightness", "sharpness"]
)
def test_magnitude_0_changes_no_pixel(name: str) -> None:
    images = pictures()
    np.testing.assert_array_equal(recolored(images, same_for_all(name), 0), images)


def test_magnitude_0_moves_no_pixel() -> None:
    maps = operation_maps(same_for_all(*OPERATIONS), 0, SIZE)
    np.testing.assert_array_equal(maps, np.tile(np.eye(3), (6, 1, 1)))


def one_operation(name: str, magnitude: float, sign: float = 1.0) -> Pixels:
    """A geometric operation on all pictures."""
    choices = Choices(np.full((6, 1), OPERATIONS.index(name)), np.full((6, 1), sign))
    resampling = Resampling.between(SIZE, SIZE, (1, 1))
    (terms,) = resampling.places(operation_maps(choices, magnitude, SIZE))
    result: Pixels = np.asarray(resampling.read(pictures(), terms))
    return result


INNER = (slice(None), slice(SIZE // 4, -SIZE // 4), slice(SIZE // 4, -SIZE // 4))
"""What no operation fills from beyond the edges."""


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_a_rotation_is_pillows(sign: float) -> None:
    ours = one_operation("rotate", 5, sign)
    pillows = by_pillow(lambda picture: picture.rotate(15 * sign, Image.Resampling.BILINEAR))
    assert np.abs(ours - pillows)[INNER].max() < 2


@pytest.mark.parametrize("axis", ["x", "y"])
def test_a_shear_is_pillows_about_the_centre(axis: str) -> None:
    slope, shift = 0.3 * 0.8, -0.3 * 0.8 * SIZE / 2
    terms = (1, slope, shift, 0, 1, 0) if axis == "x" else (1, 0, 0, slope, 1, shift)

    def sheared(picture: Image.Image) -> Image.Image:
        affine = Image.Transform.AFFINE
        return picture.transform(picture.size, affine, terms, Image.Resampling.BILINEAR)

    ours = one_operation(f"shear_{axis}", 8)
    assert np.abs(ours - by_pillow(sheared))[INNER].max() < 2


def test_a_translation_moves_by_up_to_150_of_331_of_the_side() -> None:
    magnitude = 10 * 12 / (SIZE * 150 / 331)  # 12 pixels
    right = np.take(pictures(), np.minimum(np.arange(SIZE) + 12, SIZE - 1), axis=2)
    np.testing.assert_allclose(one_operation("translate_x", magnitude), right, atol=0.01)
    up = np.take(pictures(), np.maximum(np.arange(SIZE) - 12, 0), axis=1)
    np.testing.assert_allclose(one_operation("translate_y", magnitude, -1), up, atol=0.01)


def test_operations_on_colours_come_one_after_the_other() -> None:
    def both(picture: Image.Image) -> Image.Image:
        return color_operation("brightness", 0.9)(color_operation("posterize", 0.9)(picture))

    result = recolored(pictures(), same_for_all("posterize", "brightness"), 9)
    np.testing.assert_array_equal(result, by_pillow(both))


def test_geometric_operations_come_one_after_the_other() -> None:
    def map_of(*names: str) -> NDArray[np.float64]:
        return operation_maps(same_for_all(*names), 9, SIZE)

    corner = np.array([0.0, 0.0, 1.0])
    # What is moved after it was turned is found by moving back first.
    expected = map_of("rotate") @ (map_of("translate_x") @ corner)[..., None]
    np.testing.assert_allclose(map_of("rotate", "translate_x") @ corner, expected[..., 0])
    assert not np.allclose(map_of("translate_x", "rotate") @ corner, expected[..., 0])


def test_every_operation_is_drawn_alike_and_the_rest_of_the_images_get_none() -> None:
    spec = RandAugment(operations=3, probability=0.5)
    choices = choose(spec, drawn(0, 20_000))
    untouched = (choices.operations == 0).all(axis=1)
    assert 0.47 < untouched.mean() < 0.53
    counts = np.bincount(choices.operations[~untouched].ravel(), minlength=len(OPERATIONS))
    assert len(counts) == 14
    np.testing.assert_allclose(counts / counts.sum(), 1 / 14, atol=0.01)
    assert abs(choices.signs.mean()) < 0.02
