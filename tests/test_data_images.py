"""The splits of one run as pixels: at their sizes, in their shares of the cache."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from parnet_zoo.data.folder import ImageFolder, scan
from parnet_zoo.recipe import Recipe, load_recipe
from parnet_zoo.training.images import Images, open_images
from parnet_zoo.training.progress import Progress
from tests.test_data_archive import pack

RECIPE = """\
name: tiny
epochs: 1
model:
  name: parnet_test
  resolution: 32
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures of two classes in training and test folders."""
    generator = np.random.default_rng(0)
    for place, count in {"train/a": 10, "train/b": 10, "test/a": 5, "test/b": 5}.items():
        (tmp_path / "data" / place).mkdir(parents=True)
        for number in range(count):
            pixels = generator.integers(0, 255, (40, 50, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / place / f"{number}.png")
    return tmp_path / "data"


def recipe(folder: Path, **data: object) -> Recipe:
    (folder.parent / "tiny.yaml").write_text(RECIPE)
    return load_recipe(folder.parent / "tiny.yaml", data={"root": str(folder), **data}).recipe


Opened = Callable[[ImageFolder, Recipe], list[Images]]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    """Opens all splits, and closes them in the end."""
    with ExitStack() as stack:

        def open_all(found: ImageFolder, wanted: Recipe) -> list[Images]:
            splits = [found.train, found.validation, *([found.test] if found.test else [])]
            progress, directory = Progress(quiet=True), tmp_path / "cache"
            images = [open_images(split, wanted, found, directory, progress) for split in splits]
            for each in images:
                stack.callback(each.store.close)
            return images

        yield open_all


def test_training_images_alone_are_stored_larger(folder: Path, opened: Opened) -> None:
    found = scan(folder, validation=0.2, seed=0)
    images = opened(found, recipe(folder, stored_resolution=40))
    assert [each.store.size for each in images] == [40, 32, 32]
    assert images[0].store.batch(np.array([0]))[0].shape == (1, 40, 40, 3)
    images = opened(found, recipe(folder))
    assert [each.store.size for each in images] == [32, 32, 32]


@pytest.mark.parametrize("stored", [None, 64])
def test_the_splits_share_the_gigabytes_of_the_recipe(
    folder: Path, opened: Opened, stored: int | None
) -> None:
    each = 32 * 32 * 3
    found = scan(folder, validation=0.2, seed=0)
    large = 1 if stored is None else (stored // 32) ** 2
    whole = (16 * large + 4 + 10) * each
    for part in (1.0, 0.5):
        wanted = recipe(folder, stored_resolution=stored, cache_gb=part * whole / 1e9 * 1.0001)
        stores = [images.store for images in opened(found, wanted)]
        assert [store.cached for store in stores] == [16 * part, 4 * part, 10 * part]
        taken = sum(store.cached * store.size**2 * 3 for store in stores)
        assert taken <= part * whole


def test_images_in_an_archive_have_the_pixels_of_those_in_its_folder(
    folder: Path, opened: Opened, tmp_path: Path
) -> None:
    (folder / "train/b/9.png").write_text("no picture")
    archive = pack(folder, tmp_path / "data.tar", top="data")
    wanted = recipe(folder)
    (plain, *_), (packed, *_) = (
        opened(scan(root, validation=0.2, seed=0), wanted) for root in (folder, archive)
    )
    numbers = np.arange(16)
    for ours, theirs in zip(packed.store.batch(numbers), plain.store.batch(numbers), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert [bad.reason for bad in packed.unreadable] == [bad.reason for bad in plain.unreadable]
