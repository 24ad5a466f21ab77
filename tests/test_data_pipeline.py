"""Evaluation sees every image once, as it is, and broken files do not break it."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from parnet_zoo.data.early_end import end_of_data_expected
from parnet_zoo.data.pipeline import evaluation_batches
from parnet_zoo.data.store import Cache, ImageStore
from parnet_zoo.errors import DataError
from tests.test_training_batches import open_store

SIZE, COUNT = 8, 23
LABELS = np.arange(COUNT, dtype=np.int64)
"""Every image has a label of its own, so that a batch tells which images it holds."""
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
Batches = list[tuple[NDArray[np.float32], NDArray[np.int64]]]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ImageStore]:
    with open_store(tmp_path, "memory") as opened:
        yield opened


def evaluation(store: ImageStore, batch_size: int = 5) -> Batches:
    batches = evaluation_batches(store, LABELS, batch_size=batch_size, mean=MEAN, std=STD)
    return list(batches.as_numpy_iterator())


def remove(store: ImageStore, image: int) -> None:
    path = store.paths[image]
    assert isinstance(path, Path)
    path.unlink()


def seen(batches: Batches) -> list[int]:
    return [int(label) for _, labels in batches for label in labels]


def test_batches_are_float32_and_int64_with_only_their_size_open(store: ImageStore) -> None:
    import tensorflow as tf

    batches = evaluation_batches(store, LABELS, batch_size=5, mean=MEAN, std=STD)
    assert batches.element_spec == (
        tf.TensorSpec((None, SIZE, SIZE, 3), tf.float32),
        tf.TensorSpec((None,), tf.int64),
    )
    assert len(batches) == 5


def test_evaluation_normalises_and_keeps_the_order(store: ImageStore) -> None:
    batches = evaluation(store)
    assert seen(batches) == LABELS.tolist()
    pixels = np.concatenate([pixels for pixels, _ in batches])
    raw, _ = store.batch(LABELS)
    expected = (raw / 255 - np.array(MEAN)) / np.array(STD)
    assert pixels.dtype == np.float32
    np.testing.assert_allclose(pixels, expected, atol=1e-6)


@pytest.mark.parametrize("cache", ["disk", "none"])
def test_the_cache_changes_nothing(store: ImageStore, tmp_path: Path, cache: Cache) -> None:
    with open_store(tmp_path, cache) as other:
        assert other.cache == cache
        for mine, theirs in zip(evaluation(other), evaluation(store), strict=True):
            np.testing.assert_array_equal(mine[0], theirs[0])
            np.testing.assert_array_equal(mine[1], theirs[1])


@pytest.mark.parametrize("cache", ["memory", "none"])
def test_broken_files_are_left_out(tmp_path: Path, cache: Cache) -> None:
    with open_store(tmp_path, cache, broken=(0, 9, 22)) as store:
        assert seen(evaluation(store)) == sorted(set(LABELS.tolist()) - {0, 9, 22})


def test_files_that_vanish_are_left_out_and_batches_that_are_empty_too(tmp_path: Path) -> None:
    with open_store(tmp_path, "none") as store:
        for image in (*range(5, 10), 3):
            remove(store, image)
        batches = evaluation(store)
        assert seen(batches) == [0, 1, 2, 4, *range(10, COUNT)]
        assert [len(labels) for _, labels in batches] == [4, 5, 5, 3]
        assert len(store.unreadable) == 6
        for image in store.readable.tolist():
            if image not in (*range(5, 10), 3):
                remove(store, image)
        assert evaluation(store) == []


def test_a_store_without_any_readable_image_is_refused(tmp_path: Path) -> None:
    with (
        open_store(tmp_path, "memory", broken=tuple(range(COUNT))) as store,
        pytest.raises(DataError, match=r"none of 23 images can be read; .*/0\.png: "),
    ):
        evaluation(store)


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
            Path(str(store.paths[index])).unlink()
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
