"""What is in a training batch is a pure function of its step, and broken files break no epoch."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from parnet_zoo.data.augmentation_spec import (
    AugmentationSpec,
    ColorJitter,
    Erasing,
    Mixing,
    RandAugment,
    ResizedCrop,
)
from parnet_zoo.data.pipeline import evaluation_batches
from parnet_zoo.data.store import Cache, ImageStore
from parnet_zoo.data.training_batches import TrainingBatches
from parnet_zoo.errors import DataError
from parnet_zoo.serving.runtime import decode_image

SIZE, COUNT = 8, 23
LABELS = np.arange(COUNT, dtype=np.int64)
"""Every image has a label of its own, so that a batch tells which images it holds."""
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
BLOG = AugmentationSpec(
    rotation=50,
    width_shift=0.1,
    height_shift=0.1,
    shear=10,
    zoom=0.1,
    horizontal_flip=True,
    brightness=(0.7, 1.3),
)
EVERYTHING = BLOG.model_copy(
    update={
        "resized_crop": ResizedCrop(),
        "color_jitter": ColorJitter(brightness=0.3, contrast=0.3, saturation=0.3, hue=0.1),
        "randaugment": RandAugment(),
        "erasing": Erasing(probability=0.5),
        "mixing": Mixing(mixup=0.2, cutmix=1.0),
    }
)
Batches = list[tuple[NDArray[np.float32], NDArray[np.float32]]]


def pictures(folder: Path) -> list[Path]:
    generator = np.random.default_rng(0)
    paths = [folder / f"{number}.png" for number in range(COUNT)]
    for path in paths:
        Image.fromarray(generator.integers(0, 256, (SIZE, SIZE, 3), np.uint8)).save(path)
    return paths


def open_store(
    folder: Path, cache: Cache, broken: tuple[int, ...] = (), size: int = SIZE
) -> ImageStore:
    paths = pictures(folder)
    for index in broken:
        paths[index].write_text("not a picture")
    store = ImageStore(
        paths,
        decode=lambda path: decode_image(path, size),
        size=size,
        cache=cache,
        directory=folder,
    )
    store.prepare()
    return store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImageStore]:
    with open_store(tmp_path_factory.mktemp("pictures"), "memory") as opened:
        yield opened


def training(store: ImageStore, **changes: Any) -> TrainingBatches:
    settings: dict[str, Any] = {
        "classes": COUNT,
        "batch_size": 5,
        "seed": 7,
        "augmentation": BLOG,
        "smoothing": 0.0,
        "mean": MEAN,
        "std": STD,
    }
    return TrainingBatches(store, LABELS, **settings | changes)


@pytest.fixture(scope="module")
def blog(store: ImageStore) -> TrainingBatches:
    return training(store)


@pytest.fixture(scope="module")
def everything(store: ImageStore) -> TrainingBatches:
    return training(store, augmentation=EVERYTHING, smoothing=0.1)


def take(
    batches: TrainingBatches, stop: int, start: int = 0, *, size: int = SIZE, mixed: bool = True
) -> Batches:
    """The batches of some steps."""
    dataset = batches.from_step(start, size=size, mixed=mixed).take(stop - start)
    return list(dataset.as_numpy_iterator())


def assert_equal(left: Batches, right: Batches) -> None:
    assert len(left) == len(right)
    for (pixels, targets), (other_pixels, other_targets) in zip(left, right, strict=True):
        np.testing.assert_array_equal(targets, other_targets)
        np.testing.assert_array_equal(pixels, other_pixels)


def seen(batches: Batches) -> list[int]:
    return [int(image) for _, targets in batches for image in targets.argmax(axis=1)]


def by_image(batches: Batches) -> dict[int, NDArray[np.float32]]:
    images = (image for pixels, _ in batches for image in pixels)
    return dict(zip(seen(batches), images, strict=True))


def remove(store: ImageStore, image: int) -> None:
    path = store.paths[image]
    assert isinstance(path, Path)
    path.unlink()


def test_an_epoch_shows_every_image_once_in_full_batches_and_a_short_last_one(
    blog: TrainingBatches,
) -> None:
    batches = take(blog, 10)
    assert blog.steps_per_epoch == 5
    assert [len(targets) for _, targets in batches] == [5, 5, 5, 5, 3] * 2
    first, second = seen(batches[:5]), seen(batches[5:])
    assert sorted(first) == sorted(second) == LABELS.tolist()
    assert first != second
    assert first != sorted(first)


def test_batches_are_endless_and_only_their_size_is_open(blog: TrainingBatches) -> None:
    import tensorflow as tf

    batches = blog.from_step(3, size=SIZE, mixed=False)
    assert batches.element_spec == (
        tf.TensorSpec((None, SIZE, SIZE, 3), tf.float32),
        tf.TensorSpec((None, COUNT), tf.float32),
    )
    assert batches.cardinality() == tf.data.INFINITE_CARDINALITY


def test_a_million_epochs_later_there_are_still_batches(blog: TrainingBatches) -> None:
    assert len(take(blog, 5_000_002, 5_000_000)) == 2


def test_a_run_that_goes_on_at_any_step_gets_the_same_batches(
    everything: TrainingBatches, store: ImageStore
) -> None:
    whole = take(everything, 12)
    resumed = training(store, augmentation=EVERYTHING, smoothing=0.1)
    for start in (11, 1, 4, 5, 9):
        assert_equal(take(resumed, 12, start), whole[start:])


def test_the_same_seed_gives_the_same_run_and_another_seed_another(
    blog: TrainingBatches, store: ImageStore
) -> None:
    mine, again, other = take(blog, 5), take(training(store), 5), take(training(store, seed=8), 5)
    assert_equal(mine, again)
    assert seen(other) != seen(mine)
    images, others = by_image(mine), by_image(other)
    assert all(np.abs(images[image] - others[image]).max() > 0.01 for image in images)


def test_an_image_looks_the_same_whatever_the_batch_size(
    everything: TrainingBatches, store: ImageStore
) -> None:
    sevens = training(store, augmentation=EVERYTHING, batch_size=7)
    by_five = by_image(take(everything, 5, mixed=False))
    by_seven = by_image(take(sevens, 4, mixed=False))
    assert by_five.keys() == by_seven.keys()
    for image, pixels in by_five.items():
        np.testing.assert_array_equal(pixels, by_seven[image])


def test_an_image_looks_different_in_every_epoch(blog: TrainingBatches) -> None:
    batches = take(blog, 10)
    first, second = by_image(batches[:5]), by_image(batches[5:])
    assert all(np.abs(first[image] - second[image]).max() > 0.01 for image in first)


def test_one_augmentation_does_not_change_what_another_draws(
    blog: TrainingBatches, store: ImageStore
) -> None:
    erasing = {"erasing": Erasing(probability=1.0, area=(0.1, 0.2))}
    alone = by_image(take(blog, 5))
    both = by_image(take(training(store, augmentation=BLOG.model_copy(update=erasing)), 5))
    for image, pixels in alone.items():
        unchanged = (np.abs(both[image] - pixels) < 1e-5).all(axis=-1).mean()
        assert 0.6 < unchanged < 1


@pytest.mark.parametrize("cache", ["disk", "none"])
def test_the_cache_changes_nothing(blog: TrainingBatches, tmp_path: Path, cache: Cache) -> None:
    with open_store(tmp_path, cache) as other:
        assert other.cache == cache
        assert_equal(take(training(other), 10), take(blog, 10))


def test_without_augmentation_training_sees_the_pixels_of_evaluation(store: ImageStore) -> None:
    plain = by_image(take(training(store, augmentation=AugmentationSpec()), 5))
    batches = evaluation_batches(store, LABELS, batch_size=5, mean=MEAN, std=STD)
    for pixels, labels in batches.as_numpy_iterator():
        for image, label in zip(pixels, labels, strict=True):
            np.testing.assert_array_equal(image, plain[int(label)])


def test_targets_are_smoothed_labels(store: ImageStore) -> None:
    (_, targets), *_ = take(training(store, smoothing=0.23, augmentation=AugmentationSpec()), 1)
    np.testing.assert_allclose(targets.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(targets.max(axis=1), 0.77 + 0.01, atol=1e-6)
    np.testing.assert_allclose(targets.min(axis=1), 0.01, atol=1e-6)


def test_mixed_targets_say_how_much_of_whom_is_in_an_image(store: ImageStore) -> None:
    mixing = AugmentationSpec(mixing=Mixing(mixup=1.0, cutmix=1.0))
    batches = training(store, augmentation=mixing)
    pure = by_image(take(batches, 5, mixed=False))
    for pixels, targets in take(batches, 5):
        np.testing.assert_allclose(targets.sum(axis=1), 1, atol=1e-6)
        for image, target in zip(pixels, targets, strict=True):
            # Each channel's mean is the mean of the pictures in it, if blended; if pasted, every
            # pixel is of one of the two.
            parts = np.flatnonzero(target > 0).tolist()
            blend = sum(target[part] * pure[part] for part in parts)
            origins = [(np.abs(image - pure[part]) < 1e-5).all(axis=-1) for part in parts]
            pasted = np.logical_or.reduce(origins).all() and all(
                np.isclose(origin.mean(), target[part], atol=1e-6)
                for origin, part in zip(origins, parts, strict=True)
            )
            assert pasted or np.allclose(image, blend, atol=1e-5)


def test_unmixed_batches_hold_each_image_alone(store: ImageStore) -> None:
    batches = training(store, augmentation=AugmentationSpec(mixing=Mixing(mixup=1.0)))
    for _, targets in take(batches, 5, mixed=False):
        assert set(np.unique(targets)) == {0, 1}


def test_sizes_change_between_steps_without_changing_what_is_shown(tmp_path: Path) -> None:
    with open_store(tmp_path, "memory", size=32) as large:
        batches = training(large, augmentation=AugmentationSpec(horizontal_flip=True))
        small, whole = take(batches, 5, size=16), take(batches, 5, size=32)
        assert seen(small) == seen(whole)
        for (few, _), (many, _) in zip(small, whole, strict=True):
            assert few.shape == (len(many), 16, 16, 3)
            means = many.reshape(len(many), 16, 2, 16, 2, 3).mean(axis=(2, 4))
            np.testing.assert_allclose(few, means, atol=0.5 / 255 / min(STD) + 1e-5)
        assert_equal(take(batches, 5, 2, size=16), small[2:])


def test_programs_are_compiled_once_for_each_size(everything: TrainingBatches) -> None:
    batches = everything
    take(batches, 8)
    programs: list[Any] = [stage.function for stage in batches._programs[SIZE]._stages]
    programs.append(batches._mix_programs[SIZE])
    for start in range(3):
        take(batches, start + 6, start)
        take(batches, start + 6, start, mixed=False)
    assert list(batches._programs) == [SIZE]
    assert [stage.function for stage in batches._programs[SIZE]._stages] == programs[:-1]
    assert [program.experimental_get_tracing_count() for program in programs] == [1] * len(programs)


@pytest.mark.parametrize("cache", ["memory", "none"])
def test_files_known_to_be_broken_are_left_out_of_full_batches(
    tmp_path: Path, cache: Cache
) -> None:
    with open_store(tmp_path, cache, broken=(0, 9, 22)) as store:
        good = sorted(set(LABELS.tolist()) - {0, 9, 22})
        whole = training(store)
        assert whole.steps_per_epoch == 4
        batches = take(whole, 8)
        assert [len(targets) for _, targets in batches] == [5] * 8
        assert sorted(seen(batches[:4])) == sorted(seen(batches[4:])) == good


def test_a_broken_file_does_not_change_the_other_images(
    tmp_path: Path, blog: TrainingBatches
) -> None:
    whole = take(blog, 5)
    with open_store(tmp_path, "memory", broken=(4,)) as other:
        rest = take(training(other), 5)
    assert seen(rest) == [image for image in seen(whole) if image != 4]
    images = by_image(whole)
    for image, pixels in by_image(rest).items():
        np.testing.assert_array_equal(pixels, images[image])


def test_a_file_that_vanishes_in_mid_run_makes_its_batch_smaller(tmp_path: Path) -> None:
    with open_store(tmp_path, "none") as store:
        batches = training(store)
        before = take(batches, 5)
        lost = seen(before[2:3])[0]
        remove(store, lost)
        after = take(batches, 5)
        assert seen(after[2:3]) == seen(before[2:3])[1:]
        np.testing.assert_array_equal(after[2][0], before[2][0][1:])
        assert_equal(after[:2] + after[3:], before[:2] + before[3:])
        assert [item.path for item in store.unreadable] == [store.paths[lost]]


def test_a_batch_whose_files_all_vanished_gets_the_next_images_of_its_epoch(
    tmp_path: Path,
) -> None:
    with open_store(tmp_path, "none") as store:
        batches = training(store)
        before = take(batches, 5)
        lost = [*seen(before[1:2]), seen(before[2:3])[3]]
        for image in lost:
            remove(store, image)
        after = take(batches, 5)
        next_images = [image for image in seen(before[2:3]) if image not in lost]
        assert seen(after[1:2]) == seen(after[2:3]) == next_images
        np.testing.assert_array_equal(after[1][0], after[2][0])
        assert len(store.unreadable) == 6


def test_an_end_of_all_images_is_an_error_that_names_one(tmp_path: Path) -> None:
    import tensorflow as tf

    with open_store(tmp_path, "none") as store:
        for image in range(COUNT):
            remove(store, image)
        with pytest.raises(tf.errors.UnknownError, match="DataError: no image can be read any"):
            take(training(store), 1)


def test_an_error_can_name_a_file_whose_name_is_no_utf_8(tmp_path: Path) -> None:
    import tensorflow as tf

    path = tmp_path / os.fsdecode(b"caf\xe9.png")
    Image.new("RGB", (SIZE, SIZE)).save(path, "PNG")

    def opened() -> ImageStore:
        store = ImageStore(
            [path],
            decode=lambda path: decode_image(path, SIZE),
            size=SIZE,
            cache="none",
            directory=tmp_path,
        )
        store.prepare()
        return store

    with opened() as store:
        path.unlink()
        with pytest.raises(tf.errors.UnknownError, match=r"any more; .*/caf\\xe9\.png: "):
            take(training(store), 1)
    with opened() as store, pytest.raises(DataError, match=r"none of 1 .*/caf\\xe9\.png: "):
        training(store)


def test_a_store_without_any_readable_image_is_refused(tmp_path: Path) -> None:
    with (
        open_store(tmp_path, "memory", broken=tuple(range(COUNT))) as store,
        pytest.raises(DataError, match=r"none of 23 images can be read; .*/0\.png: "),
    ):
        training(store)


_DIGEST = """
import hashlib, os, sys
import numpy as np
import tensorflow as tf
sys.path.insert(0, os.environ["TESTS"])
from pathlib import Path
import test_training_batches as tests
from parnet_zoo.data import ahead
mode, folder = sys.argv[1:]
if mode == "deterministic":
    tf.config.experimental.enable_op_determinism()
    tf.random.set_seed(0)
if mode == "one thread":
    ahead.worker_count = lambda: 1
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.threading.set_intra_op_parallelism_threads(1)
with tests.open_store(Path(folder), "memory", size=32) as store:
    batches = tests.training(store, augmentation=tests.EVERYTHING)
    digest = hashlib.sha256()
    for pixels, targets in tests.take(batches, 12, size=24):
        digest.update(pixels.tobytes() + targets.tobytes())
print(digest.hexdigest())
"""


@pytest.mark.slow
def test_other_processes_get_the_same_bits_with_one_thread_and_in_deterministic_mode(
    tmp_path: Path,
) -> None:
    def digest(mode: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", _DIGEST, mode, str(tmp_path)],
            env={**os.environ, "TESTS": str(Path(__file__).parent)},
            capture_output=True,
            text=True,
            check=True,
            timeout=300,
        )
        return done.stdout.strip()

    first = digest("as ever")
    assert len(first) == 64
    assert digest("deterministic") == first
    assert digest("one thread") == first
