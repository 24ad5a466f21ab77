"""Images that are not what their label says come out on top."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from parnet_zoo.evaluation.label_errors import label_errors
from parnet_zoo.evaluation.strangeness import strangeness

Set = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]


def a_set(seed: int, images: int = 300, classes: int = 5) -> Set:
    """Labels, probabilities of a network that is mostly right, and features in clusters."""
    random = np.random.default_rng(seed)
    labels = np.arange(images) % classes
    rows = random.dirichlet(np.full(classes, 0.3), images) * 0.3
    rows[np.arange(images), labels] += 0.7
    features = np.eye(classes)[labels] * 10 + random.normal(size=(images, classes))
    return labels, rows, features


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6), st.integers(1, 10), st.booleans())
def test_swapped_labels_come_out_on_top(seed: int, swapped: int, with_features: bool) -> None:
    labels, rows, features = a_set(seed)
    chosen = np.random.default_rng(seed).choice(len(labels), swapped, replace=False)
    given_labels = labels.copy()
    given_labels[chosen] = (labels[chosen] + 1) % 5
    found = label_errors(given_labels, rows, features=features if with_features else None)
    top = found.suspects[:swapped]
    assert {suspect.number for suspect in top} == set(chosen.tolist())
    assert all(suspect.suggested == labels[suspect.number] for suspect in top)
    assert all(suspect.given == given_labels[suspect.number] for suspect in top)
    assert [s.score for s in found.suspects] == sorted(s.score for s in found.suspects)[::-1]
    assert len(found.suspects) == found.searched == 300


def test_an_image_of_no_class_comes_out_on_top_though_the_network_agrees_with_its_label() -> None:
    labels, rows, features = a_set(3)
    features[17] = 40.0
    rows[17] = np.eye(5)[labels[17]]
    assert label_errors(labels, rows, features=features, most=1).suspects[0].number == 17
    assert label_errors(labels, rows).suspects[0].number != 17


def test_confident_learning_counts_what_another_class_is_as_sure_of() -> None:
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    rows = np.array([[0.9, 0.1]] * 4 + [[0.2, 0.8]] * 4)
    rows[0] = [0.05, 0.95]  # more than the 0.8 that images of class 1 have
    rows[1] = [0.45, 0.55]  # more probable, but less than that
    found = label_errors(labels, rows)
    assert found.confident == 1
    assert [s.number for s in found.suspects[:2]] == [0, 1]
    assert [s.confident for s in found.suspects[:2]] == [True, False]
    assert found.suspects[0].suggested_probability == 0.95
    assert label_errors(labels, rows, thresholds=[0.5, 0.5]).confident == 2


def test_a_class_that_the_network_is_never_sure_of_is_not_suspicious_as_a_whole() -> None:
    labels = np.array([0] * 20 + [1] * 20)
    rows = np.array([[0.98, 0.02]] * 20 + [[0.45, 0.55]] * 20)
    rows[3] = [0.5, 0.5]
    assert label_errors(labels, rows).suspects[0].number == 3


def test_what_is_not_a_number_is_looked_at_first() -> None:
    labels, rows, features = a_set(0)
    rows[5], features[5] = np.nan, np.inf
    found = label_errors(labels, rows, features=features)
    assert found.suspects[0].number == 5
    assert all(np.isfinite(suspect.score) for suspect in found.suspects)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6), st.integers(1, 60), st.integers(1, 200))
def test_strangeness_is_between_nothing_and_the_logarithm_of_the_number(
    seed: int, images: int, width: int
) -> None:
    random = np.random.default_rng(seed)
    nats = strangeness(random.integers(0, 4, images), random.normal(size=(images, width)))
    assert ((nats >= 0) & (nats <= np.log(images) + 1e-9)).all()


def test_wide_features_and_large_classes_are_told_apart_all_the_same() -> None:
    random = np.random.default_rng(0)
    features = random.normal(size=(2500, 150)).astype(np.float32)
    features[[7, 2001]] += 3
    nats = strangeness(np.zeros(2500, int), features)
    assert set(np.argsort(-nats)[:2]) == {7, 2001}
    assert (nats == strangeness(np.zeros(2500, int), features)).all()


def test_an_image_that_is_alone_in_its_class_is_not_strange() -> None:
    nats = strangeness([0, 0, 0, 1], [[0.0], [0.1], [0.2], [99.0]])
    assert nats[3] == 0


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="1 images"):
        label_errors([0], [[0.5, 0.5]], features=np.zeros((2, 3)))
    with pytest.raises(ValueError, match="thresholds"):
        label_errors([0], [[0.5, 0.5]], thresholds=[0.5])
    with pytest.raises(ValueError, match="images"):
        label_errors([], np.zeros((0, 2)))
