"""Erasing fills a rectangle with noise; MixUp and CutMix are Keras' with one partner and weight."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from parnet_zoo.data.augmentation_spec import Erasing, Mixing
from parnet_zoo.data.augmenting.erasing import ErasingChange
from parnet_zoo.data.augmenting.mixing import Mix, draw_mix, mixed_pixels, mixed_targets

SIZE = 48
Pixels = NDArray[np.float32]


def erased(spec: Erasing, images: int) -> tuple[Pixels, NDArray[np.int32]]:
    change = ErasingChange(spec, SIZE)
    boxes = change.draw(lambda _, count: np.random.default_rng(0).random((images, count)))
    grey = np.full((images, SIZE, SIZE, 3), 1000, np.float32)
    return np.asarray(change.apply(grey, boxes)), boxes


def test_erasing_replaces_a_rectangle_of_the_asked_area_by_noise() -> None:
    spec = Erasing(probability=1.0, area=(0.1, 0.3), ratio=(0.5, 2))
    pixels, boxes = erased(spec, 200)
    hit = (pixels != 1000).all(axis=-1)
    assert np.array_equal(hit, (pixels != 1000).any(axis=-1))
    for mask, (top, left, bottom, right, _seed) in zip(hit, boxes, strict=True):
        assert mask[top:bottom, left:right].all()
        assert mask.sum() == (bottom - top) * (right - left)
        assert 0.45 < (right - left) / (bottom - top) < 2.2
    areas = hit.mean(axis=(1, 2))
    assert areas.min() > 0.08
    assert areas.max() < 0.32
    assert abs(areas.mean() - 0.2) < 0.01
    noise = pixels[hit]
    assert noise.min() == 0
    assert noise.max() == 255
    assert abs(noise.mean() - 127.5) < 1
    assert abs(noise.std() - 256 / 12**0.5) < 1


def test_noise_is_each_images_own_and_without_a_pattern() -> None:
    spec = Erasing(probability=1.0, area=(1.0, 1.0), ratio=(1, 1))
    pixels, _ = erased(spec, 8)
    flat = pixels.reshape(8, -1)
    between = np.corrcoef(flat) - np.eye(8)
    assert np.abs(between).max() < 0.06
    for step in (1, 3, SIZE * 3):
        assert abs(np.corrcoef(flat[:, step:].ravel(), flat[:, :-step].ravel())[0, 1]) < 0.02
    np.testing.assert_array_equal(erased(spec, 8)[0], pixels)


def test_only_the_asked_part_of_the_images_is_erased() -> None:
    pixels, _ = erased(Erasing(probability=0.25), 400)
    share = (pixels != 1000).any(axis=(1, 2, 3)).mean()
    assert 0.17 < share < 0.33


IMAGES = np.random.default_rng(0).normal(0, 1, (7, SIZE, SIZE, 3)).astype(np.float32)
TARGETS = np.eye(7, dtype=np.float32) * np.float32(0.9) + np.float32(0.1 / 7)


def mixed(mix: Mix, count: int = 7) -> Pixels:
    pixels: Pixels = np.asarray(
        mixed_pixels(IMAGES, np.int32(count), np.float32(mix.weight), np.asarray(mix.box, np.int32))
    )
    return pixels


def draws(spec: Mixing, count: int, size: int = SIZE) -> list[Mix | None]:
    return [draw_mix(spec, np.random.default_rng(step), size) for step in range(count)]


def mixes(spec: Mixing, count: int) -> list[Mix]:
    return [mix for mix in draws(spec, count) if mix is not None]


def test_mixup_is_keras() -> None:
    import keras

    mix = mixes(Mixing(mixup=0.4), 1)[0]
    amounts = {
        "mix_weight": np.full(7, mix.weight, np.float32),
        "permutation_order": np.arange(7)[::-1].copy(),
    }
    layer = keras.layers.MixUp()
    assert 0 < mix.weight < 1
    np.testing.assert_allclose(mixed(mix), layer.transform_images(IMAGES, amounts), atol=1e-6)
    theirs = layer.transform_labels(TARGETS, amounts)
    np.testing.assert_allclose(mixed_targets(TARGETS, mix), theirs, atol=1e-6)


def test_cutmix_is_keras() -> None:
    import keras

    mix = mixes(Mixing(cutmix=1.0), 1)[0]
    layer: Any = keras.layers.CutMix()
    top, left, bottom, right = (np.full(7, edge, np.float32) for edge in mix.box)
    masks, weights = layer._generate_batch_mask(IMAGES.shape, (left, right, top, bottom))
    amounts = {
        "batch_masks": masks,
        "mix_weight": weights,
        "permutation_order": np.arange(7, dtype=np.int32)[::-1].copy(),
    }
    assert 0 < mix.share < 1
    np.testing.assert_array_equal(mixed(mix), layer.transform_images(IMAGES, amounts))
    theirs = layer.transform_labels(TARGETS, amounts)
    np.testing.assert_allclose(mixed_targets(TARGETS, mix), theirs, atol=1e-6)


def test_the_last_images_of_a_short_batch_have_partners_among_the_images() -> None:
    half = mixed(Mix(0.5, (0, 0, 0, 0), 0.5), count=4)
    for image in range(4):
        np.testing.assert_allclose(half[image], (IMAGES[image] + IMAGES[3 - image]) / 2, atol=1e-6)


def test_an_image_of_its_own_is_left_exactly_as_it_is() -> None:
    np.testing.assert_array_equal(mixed(Mix(1.0, (0, 0, 0, 0), 1.0)), IMAGES)
    np.testing.assert_array_equal(mixed(Mix(1.0, (5, 5, 20, 20), 0.9), count=1)[0], IMAGES[0])


def test_both_share_the_batches_and_the_rest_is_left_alone() -> None:
    spec = Mixing(mixup=0.3, cutmix=1.0, probability=0.8)
    drawn = draws(spec, 1000)
    pasted = [mix for mix in drawn if mix is not None and mix.weight == 1]
    blended = [mix for mix in drawn if mix is not None and mix.weight < 1]
    assert 0.36 < len(pasted) / 1000 < 0.44
    assert 0.36 < len(blended) / 1000 < 0.44
    assert all(mix.box == (0, 0, 0, 0) for mix in blended)
    assert drawn == draws(spec, 1000)
    assert draws(Mixing(), 5) == [None] * 5


def test_weights_have_the_distribution_of_the_papers() -> None:
    alpha = 0.4  # variance of Beta(a, a): 1 / (4 (2 a + 1))
    weights = np.array([mix.weight for mix in mixes(Mixing(mixup=alpha), 3000)])
    assert abs(weights.mean() - 0.5) < 0.02
    assert abs(weights.var() - 1 / (4 * (2 * alpha + 1))) < 0.01
    shares = np.array([mix.share for mix in mixes(Mixing(cutmix=1.0), 3000)])
    assert shares.mean() > 0.5  # what of a box lies outside is not pasted
    assert 0 <= shares.min() < 0.1
    assert 0.99 < shares.max() <= 1


@given(st.integers(0, 10**6), st.integers(1, 300), st.floats(0.01, 10))
@settings(max_examples=50, deadline=None)
def test_a_cut_box_lies_in_the_image_and_its_share_is_its_true_area(
    seed: int, size: int, alpha: float
) -> None:
    mix = draw_mix(Mixing(cutmix=alpha), np.random.default_rng(seed), size)
    assert mix is not None
    top, left, bottom, right = mix.box
    assert 0 <= top <= bottom <= size
    assert 0 <= left <= right <= size
    assert mix.share == pytest.approx(1 - (bottom - top) * (right - left) / size**2)
