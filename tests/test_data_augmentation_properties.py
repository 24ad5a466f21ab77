"""Whatever a valid spec asks for, what comes out can be trained on."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from parnet_zoo.data.augmentation import Augmentation
from parnet_zoo.data.augmentation_spec import (
    AugmentationSpec,
    ColorJitter,
    Erasing,
    Mixing,
    RandAugment,
    ResizedCrop,
)
from parnet_zoo.data.augmenting.mixing import draw_mix, mixed_pixels, mixed_targets
from parnet_zoo.data.store import ImageStore
from parnet_zoo.data.training_batches import TrainingBatches
from parnet_zoo.serving.runtime import decode_image


def pairs(low: float, high: float, *, above: bool = False) -> st.SearchStrategy[Any]:
    ends = st.floats(low, high, exclude_min=above)
    return st.tuples(ends, ends).map(lambda pair: (min(pair), max(pair)))


def parts(high: float = 1.0) -> st.SearchStrategy[float]:
    return st.floats(0, high)


SPECS = st.builds(
    AugmentationSpec,
    rotation=parts(180),
    width_shift=st.floats(0, 1, exclude_max=True),
    height_shift=st.floats(0, 1, exclude_max=True),
    shear=st.floats(0, 90, exclude_max=True),
    zoom=st.floats(0, 1, exclude_max=True),
    horizontal_flip=st.booleans(),
    brightness=st.none() | pairs(0, 10),
    resized_crop=st.none()
    | st.builds(ResizedCrop, area=pairs(0, 1, above=True), ratio=pairs(0, 100, above=True)),
    color_jitter=st.none()
    | st.builds(
        ColorJitter, brightness=parts(), contrast=parts(), saturation=parts(), hue=parts(0.5)
    ),
    randaugment=st.none()
    | st.builds(
        RandAugment, operations=st.integers(1, 14), magnitude=parts(10), probability=parts()
    ),
    erasing=st.none()
    | st.builds(
        Erasing,
        probability=st.floats(0, 1, exclude_min=True),
        area=pairs(0, 1, above=True),
        ratio=pairs(0, 100, above=True),
    ),
    mixing=st.none()
    | st.builds(
        Mixing,
        mixup=parts(10),
        cutmix=parts(10),
        probability=st.floats(0, 1, exclude_min=True),
    ),
)
IMAGES = 4


@given(SPECS, st.integers(1, 40), st.integers(1, 40), st.integers(0, 10**6))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_spec_gives_grey_levels_in_range_and_distributions(
    spec: AugmentationSpec, stored: int, size: int, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 256, (IMAGES, stored, stored, 3), np.uint8)
    before = images.copy()
    augmentation = Augmentation(spec, stored=stored, size=size)
    pixels, *drawn = augmentation.draw(images, lambda _, count: generator.random((IMAGES, count)))
    np.testing.assert_array_equal(images, before)
    assert all(len(array) == IMAGES for array in drawn)
    result: Any = pixels
    for function, arrays in augmentation.stages:
        result = function(result, *drawn[:arrays])
        drawn = drawn[arrays:]
    assert not drawn
    check_pixels(np.asarray(result), size)
    mix = draw_mix(spec.mixing, generator, size) if spec.mixing else None
    if mix is not None:
        box = np.asarray(mix.box, np.int32)
        mixed = mixed_pixels(result, np.int32(IMAGES), np.float32(mix.weight), box)
        check_pixels(np.asarray(mixed), size)
        targets = mixed_targets(np.eye(IMAGES, dtype=np.float32), mix)
        check_distributions(targets)


def check_pixels(pixels: NDArray[np.float32], size: int) -> None:
    assert pixels.shape == (IMAGES, size, size, 3)
    assert pixels.dtype == np.float32
    assert np.isfinite(pixels).all()
    assert pixels.min() >= -0.001
    assert pixels.max() <= 255.001


def check_distributions(targets: NDArray[np.float32]) -> None:
    assert targets.dtype == np.float32
    np.testing.assert_allclose(targets.sum(axis=1), 1, atol=1e-5)
    assert targets.min() >= 0


@pytest.mark.slow
@given(SPECS, st.integers(2, 24), parts(0.99), st.booleans())
@settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.reuse, Phase.generate],  # each try compiles programs: no hundreds of them
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_any_spec_gives_batches(
    tmp_path: Path, spec: AugmentationSpec, size: int, smoothing: float, mixed: bool
) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(7)]
    generator = np.random.default_rng(0)
    for path in paths:
        Image.fromarray(generator.integers(0, 256, (20, 30, 3), np.uint8)).save(path)
    with ImageStore(
        paths,
        decode=lambda path: decode_image(path, 16),
        size=16,
        cache="memory",
        directory=tmp_path,
    ) as store:
        store.prepare()
        batches = TrainingBatches(
            store,
            np.arange(7) % 3,
            classes=3,
            batch_size=IMAGES,
            seed=1,
            augmentation=spec,
            smoothing=smoothing,
            mean=(0, 0, 0),
            std=(1 / 255, 1 / 255, 1 / 255),
        )
        dataset = batches.from_step(0, size=size, mixed=mixed).take(3)
        taken = list(dataset.as_numpy_iterator())
    assert [len(targets) for _, targets in taken] == [4, 3, 4]
    check_pixels(taken[0][0], size)
    check_pixels(taken[2][0], size)
    for pixels, targets in taken:
        assert np.isfinite(pixels).all()
        check_distributions(targets)
