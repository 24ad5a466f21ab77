"""Step number to batch is a pure function, and broken files break no epoch."""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from parnet_zoo.data.augmentation_spec import AugmentationSpec
from parnet_zoo.data.early_end import end_of_data_expected
from parnet_zoo.data.pipeline import evaluation_batches, steps_per_epoch, training_batches
from parnet_zoo.data.plan import BatchPlan
from parnet_zoo.data.store import Cache, ImageStore
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
Batches = list[tuple[NDArray[np.float32], NDArray[np.int64]]]


def pictures(folder: Path) -> list[Path]:
    generator = np.random.default_rng(0)
    paths = [folder / f"{number}.png" for number in range(COUNT)]
    for path in paths:
        Image.fromarray(generator.integers(0, 256, (SIZE, SIZE, 3), np.uint8)).save(path)
    return paths


def open_store(folder: Path, cache: Cache, broken: tuple[int, ...] = ()) -> ImageStore:
    paths = pictures(folder)
    for index in broken:
        paths[index].write_text("not a picture")
    store = ImageStore(
        paths,
        decode=lambda path: decode_image(path, SIZE),
        size=SIZE,
        cache=cache,
        directory=folder,
    )
    store.prepare()
    return store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ImageStore]:
    with open_store(tmp_path, "memory") as opened:
        yield opened


def training(store: ImageStore, **changes: Any) -> Batches:
    settings: dict[str, Any] = {
        "batch_size": 5,
        "seed": 7,
        "augmentation": BLOG,
        "mean": MEAN,
        "std": STD,
        "total_steps": 10,
    }
    batches = training_batches(store, LABELS, **settings | changes)
    return list(batches.as_numpy_iterator())


def evaluation(store: ImageStore, batch_size: int = 5) -> Batches:
    batches = evaluation_batches(store, LABELS, batch_size=batch_size, mean=MEAN, std=STD)
    return list(batches.as_numpy_iterator())


def assert_equal(left: Batches, right: Batches) -> None:
    assert len(left) == len(right)
    for (pixels, labels), (other_pixels, other_labels) in zip(left, right, strict=True):
        np.testing.assert_array_equal(labels, other_labels)
        np.testing.assert_array_equal(pixels, other_pixels)


def by_image(batches: Batches) -> dict[int, NDArray[np.float32]]:
    return {
        int(label): image
        for pixels, labels in batches
        for image, label in zip(pixels, labels, strict=True)
    }


def seen(batches: Batches) -> list[int]:
    return [int(label) for _, labels in batches for label in labels]


def test_an_epoch_shows_every_image_once_in_full_batches_and_a_short_last_one(
    store: ImageStore,
) -> None:
    assert steps_per_epoch(store, 5) == 5
    batches = training(store)
    assert [len(labels) for _, labels in batches] == [5, 5, 5, 5, 3] * 2
    first, second = seen(batches[:5]), seen(batches[5:])
    assert sorted(first) == sorted(second) == LABELS.tolist()
    assert first != second
    assert first != sorted(first)


def test_batches_are_float32_and_int64_with_only_the_batch_size_open(store: ImageStore) -> None:
    import tensorflow as tf

    batches = training_batches(
        store,
        LABELS,
        batch_size=5,
        seed=0,
        augmentation=BLOG,
        mean=MEAN,
        std=STD,
        start_step=3,
        total_steps=10,
    )
    assert len(batches) == 7
    expected = (
        tf.TensorSpec((None, SIZE, SIZE, 3), tf.float32),
        tf.TensorSpec((None,), tf.int64),
    )
    assert batches.element_spec == expected
    whole = evaluation_batches(store, LABELS, batch_size=5, mean=MEAN, std=STD)
    assert whole.element_spec == expected
    assert len(whole) == 5


@pytest.mark.parametrize("start", [1, 4, 5, 9])
def test_a_run_that_goes_on_at_any_step_gets_the_same_batches(
    store: ImageStore, start: int
) -> None:
    assert_equal(training(store, start_step=start), training(store)[start:])


def test_no_steps_are_left_at_the_end(store: ImageStore) -> None:
    assert training(store, start_step=10) == []


def test_the_same_seed_gives_the_same_run_and_another_seed_another(store: ImageStore) -> None:
    assert_equal(training(store), training(store))
    other = training(store, seed=8)
    assert seen(other) != seen(training(store))
    mine, theirs = by_image(training(store, total_steps=5)), by_image(other[:5])
    assert all(np.abs(mine[image] - theirs[image]).max() > 0.01 for image in mine)


def test_an_image_looks_the_same_whatever_the_batch_size(store: ImageStore) -> None:
    by_five = by_image(training(store, total_steps=5))
    by_seven = by_image(training(store, batch_size=7, total_steps=4))
    assert by_five.keys() == by_seven.keys()
    for image, pixels in by_five.items():
        np.testing.assert_array_equal(pixels, by_seven[image])


def test_an_image_looks_different_in_every_epoch(store: ImageStore) -> None:
    batches = training(store)
    first, second = by_image(batches[:5]), by_image(batches[5:])
    assert all(np.abs(first[image] - second[image]).max() > 0.01 for image in first)


@pytest.mark.parametrize("cache", ["disk", "none"])
def test_the_cache_changes_nothing(store: ImageStore, tmp_path: Path, cache: Cache) -> None:
    with open_store(tmp_path, cache) as other:
        assert other.cache == cache
        assert_equal(training(other), training(store))
        assert_equal(evaluation(other), evaluation(store))


def test_evaluation_normalises_and_keeps_the_order(store: ImageStore) -> None:
    batches = evaluation(store)
    assert seen(batches) == LABELS.tolist()
    pixels = np.concatenate([pixels for pixels, _ in batches])
    raw, _ = store.batch(LABELS)
    expected = (raw / 255 - np.array(MEAN)) / np.array(STD)
    assert pixels.dtype == np.float32
    np.testing.assert_allclose(pixels, expected, atol=1e-6)


def test_training_without_augmentation_sees_the_pixels_of_evaluation(store: ImageStore) -> None:
    plain = by_image(training(store, augmentation=AugmentationSpec(), total_steps=5))
    for image, pixels in by_image(evaluation(store)).items():
        np.testing.assert_array_equal(pixels, plain[image])


@pytest.mark.parametrize("cache", ["memory", "none"])
def test_files_known_to_be_broken_are_left_out_of_full_batches(
    tmp_path: Path, cache: Cache
) -> None:
    with open_store(tmp_path, cache, broken=(0, 9, 22)) as store:
        good = sorted(set(LABELS.tolist()) - {0, 9, 22})
        assert steps_per_epoch(store, 5) == 4
        batches = training(store, total_steps=8)
        assert [len(labels) for _, labels in batches] == [5] * 8
        assert sorted(seen(batches[:4])) == sorted(seen(batches[4:])) == good
        assert seen(evaluation(store)) == good


def test_a_broken_file_does_not_change_the_other_images(tmp_path: Path, store: ImageStore) -> None:
    whole = training(store, total_steps=5)
    with open_store(tmp_path, "memory", broken=(4,)) as other:
        rest = training(other, total_steps=5)
    assert seen(rest) == [image for image in seen(whole) if image != 4]
    images = by_image(whole)
    for image, pixels in by_image(rest).items():
        np.testing.assert_array_equal(pixels, images[image])


def test_a_file_that_vanishes_in_mid_run_makes_its_batch_smaller(tmp_path: Path) -> None:
    with open_store(tmp_path, "none") as store:
        before = training(store, total_steps=5)
        lost = int(before[2][1][0])
        store.paths[lost].unlink()
        after = training(store, total_steps=5)
        assert seen(after[2:3]) == seen(before[2:3])[1:]
        np.testing.assert_array_equal(after[2][0], before[2][0][1:])
        assert_equal(after[:2] + after[3:], before[:2] + before[3:])
        assert seen(evaluation(store)) == [image for image in LABELS if image != lost]
        assert [item.path for item in store.unreadable] == [store.paths[lost]]


def test_a_batch_whose_files_all_vanished_gets_the_next_images_of_its_epoch(
    tmp_path: Path,
) -> None:
    with open_store(tmp_path, "none") as store:
        before = training(store, total_steps=5)
        for label in [*before[1][1], before[2][1][3]]:
            store.paths[label].unlink()
        after = training(store, total_steps=5)
        next_images = [image for image in seen(before[2:3]) if store.paths[image].exists()]
        assert seen(after[1:2]) == seen(after[2:3]) == next_images
        np.testing.assert_array_equal(after[1][0], after[2][0])
        assert len(evaluation(store, batch_size=1)) == COUNT - 6
        assert len(store.unreadable) == 6


def test_an_end_of_all_images_is_an_error_that_names_one(tmp_path: Path) -> None:
    import tensorflow as tf

    with open_store(tmp_path, "none") as store:
        for path in store.paths:
            path.unlink()
        with pytest.raises(tf.errors.UnknownError, match="DataError: no image can be read any"):
            training(store)
        assert evaluation(store) == []


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
            training(store)
    with opened() as store, pytest.raises(DataError, match=r"none of 1 .*/caf\\xe9\.png: "):
        training(store)


def test_a_store_without_any_readable_image_is_refused(tmp_path: Path) -> None:
    with open_store(tmp_path, "memory", broken=tuple(range(COUNT))) as store:
        for use in (training, evaluation, lambda store: steps_per_epoch(store, 5)):
            with pytest.raises(DataError, match=r"none of 23 images can be read; .*/0\.png: "):
                use(store)


def test_keras_fits_on_the_batches(store: ImageStore) -> None:
    import keras

    layers = [keras.layers.Flatten(), keras.layers.Dense(COUNT)]
    model = keras.Sequential([keras.Input((SIZE, SIZE, 3)), *layers])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    batches = training_batches(
        store,
        LABELS,
        batch_size=5,
        seed=0,
        augmentation=AugmentationSpec(),
        mean=MEAN,
        std=STD,
        total_steps=300,
    )
    history = model.fit(batches, epochs=60, steps_per_epoch=5, verbose=0)
    assert len(history.history["loss"]) == 60
    test = evaluation_batches(store, LABELS, batch_size=5, mean=MEAN, std=STD)
    assert model.evaluate(test, verbose=0, return_dict=True)["accuracy"] > 0.9


@pytest.mark.parametrize("lost", [(), (0,), (1, 8), (5, 6, 7, 8, 9), (20, 21, 22)])
def test_keras_evaluates_every_image_that_is_left_once_and_does_not_complain(
    tmp_path: Path, lost: tuple[int, ...]
) -> None:
    import keras

    class Seen(keras.metrics.Metric):
        """How often each label came up."""

        def __init__(self) -> None:
            super().__init__(name="seen")
            self.counts = self.add_weight(shape=(COUNT,), initializer="zeros")

        def update_state(self, truth: Any, *_: Any, **_weights: Any) -> None:
            one_hot = keras.ops.one_hot(keras.ops.cast(truth, "int32"), COUNT)
            self.counts.assign_add(keras.ops.sum(one_hot, axis=0))

        def result(self) -> Any:
            return self.counts

    model = keras.Sequential([keras.Input((SIZE, SIZE, 3)), keras.layers.Flatten()])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(loss=loss, metrics=[Seen()])
    with open_store(tmp_path, "none") as store:
        batches = evaluation_batches(store, LABELS, batch_size=5, mean=MEAN, std=STD)
        for index in lost:
            store.paths[index].unlink()
        with pytest.warns(UserWarning, match="ran out of data"):
            model.evaluate(batches, verbose=0)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with end_of_data_expected():
                results = model.evaluate(batches, verbose=0, return_dict=True)
        assert [str(item.message) for item in caught if item.category is UserWarning] == []
        expected = [0 if label in lost else 1 for label in range(COUNT)]
        np.testing.assert_array_equal(results["seen"], expected)
        assert np.isfinite(results["loss"])


def test_other_warnings_are_shown_where_the_end_of_data_is_expected() -> None:
    with pytest.warns(UserWarning, match="Your input is strange"), end_of_data_expected():
        warnings.warn("Your input is strange", UserWarning, stacklevel=1)


plans = st.tuples(st.integers(1, 60), st.integers(1, 20), st.integers(0, 2**60), st.data())


@given(plans)
@settings(max_examples=50, deadline=None)
def test_a_plan_is_a_pure_function_of_the_step(
    drawn: tuple[int, int, int, st.DataObject],
) -> None:
    images, batch_size, seed, data = drawn
    usable = np.array(
        sorted(data.draw(st.sets(st.integers(0, images - 1), min_size=1))), dtype=np.int64
    )

    def plan() -> BatchPlan:
        return BatchPlan(images, usable, batch_size=batch_size, seed=seed, random_numbers=3)

    walked = plan()
    steps = range(4 * walked.steps_per_epoch)
    batches = [walked.batch(step) for step in steps]
    for start in range(0, len(batches), walked.steps_per_epoch):
        epoch = np.concatenate(batches[start : start + walked.steps_per_epoch])
        assert sorted(epoch.tolist()) == usable.tolist()
    jumped = plan()
    for step in data.draw(st.permutations(steps)):
        np.testing.assert_array_equal(jumped.batch(step), batches[step])
        numbers = walked.uniforms(step, batches[step])
        np.testing.assert_array_equal(jumped.uniforms(step, batches[step]), numbers)
        others = np.concatenate([batches[step], jumped.substitutes(step)])
        assert sorted(others.tolist()) == usable.tolist()
