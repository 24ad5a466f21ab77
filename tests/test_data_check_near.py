"""Near duplicates: every pair within the radius is found, and what only hashes alike is not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from parnet_zoo.data.check.near import RADIUS, near_duplicates
from parnet_zoo.data.check.perceptual import THUMB, perceptual_hash, thumbnail
from tests.picture_sets import picture


def same_thumbs(count: int) -> NDArray[np.uint8]:
    thumb = np.random.default_rng(0).integers(0, 256, (THUMB, THUMB, 3), dtype=np.uint8)
    return np.repeat(thumb[None], count, axis=0)


def by_comparing_all(hashes: list[int]) -> list[list[int]]:
    groups: list[set[int]] = []
    for number, value in enumerate(hashes):
        near = {n for n in range(number) if (hashes[n] ^ value).bit_count() <= RADIUS}
        joined = [group for group in groups if group & near]
        groups = [group for group in groups if not group & near]
        groups.append({number}.union(*joined))
    return sorted(sorted(group) for group in groups if len(group) > 1)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=8),
    st.lists(st.tuples(st.integers(0, 7), st.sets(st.integers(0, 63), max_size=9)), max_size=30),
)
def test_the_groups_are_those_of_comparing_each_with_each(
    centres: list[int], changes: list[tuple[int, set[int]]]
) -> None:
    hashes = list(centres)
    for centre, bits in changes:
        hashes.append(centres[centre % len(centres)] ^ sum(1 << bit for bit in bits))
    found = near_duplicates(np.array(hashes, np.uint64), same_thumbs(len(hashes)))
    assert found == by_comparing_all(hashes)


def test_equal_hashes_of_different_pictures_are_kept_apart() -> None:
    thumbs = np.random.default_rng(1).integers(0, 256, (200, THUMB, THUMB, 3), dtype=np.uint8)
    thumbs[[7, 150]] = thumbs[3]
    assert near_duplicates(np.zeros(200, np.uint64), thumbs) == [[3, 7, 150]]


def test_thousands_of_copies_are_one_group() -> None:
    (group,) = near_duplicates(np.full(5000, 2**63, np.uint64), same_thumbs(5000))
    assert group == list(range(5000))


def test_no_images_are_no_groups() -> None:
    assert near_duplicates(np.zeros(0, np.uint64), same_thumbs(0)) == []


def grey(image: Image.Image) -> NDArray[np.float64]:
    return np.asarray(image.convert("L").resize((64, 64)), np.float64)


@pytest.mark.parametrize("seed", range(5))
def test_the_hash_hardly_changes_with_size_and_brightness(seed: int) -> None:
    value = perceptual_hash(grey(picture(seed, (400, 300))))
    assert (value ^ perceptual_hash(grey(picture(seed, (90, 70))))).bit_count() <= RADIUS
    assert value == perceptual_hash(grey(picture(seed, (400, 300))) * 0.8 + 20)
    others = [perceptual_hash(grey(picture(100 + other))) for other in range(20)]
    assert min((value ^ other).bit_count() for other in others) > RADIUS


def test_a_thumbnail_averages() -> None:
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[:2, :4] = 200
    assert thumbnail(pixels, THUMB)[0, 0].tolist() == [100, 100, 100]
