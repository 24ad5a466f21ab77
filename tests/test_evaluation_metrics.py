"""The numbers agree with scikit-learn's, and nothing slips through."""

import json
import math
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics as sklearn

from parnet_zoo.evaluation.metrics import confusion, log_loss, top1, top_k
from parnet_zoo.evaluation.report import report


@st.composite
def judged(draw: st.DrawFn) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """True classes, and distributions without ties."""
    classes, images = draw(st.integers(2, 8)), draw(st.integers(1, 30))
    random = np.random.default_rng(draw(st.integers(0, 10**6)))
    rows = random.dirichlet(np.ones(classes), images).astype(np.float32)
    return random.integers(0, classes, images), rows


@settings(deadline=None)
@given(judged(), st.integers(1, 8))
def test_top_k_is_that_of_scikit_learn(
    case: tuple[NDArray[np.int64], NDArray[np.float32]], k: int
) -> None:
    truth, rows = case
    labels = range(rows.shape[1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # two classes, k >= classes
        scores = rows[:, 1] if rows.shape[1] == 2 else rows
        theirs = sklearn.top_k_accuracy_score(truth, scores, k=k, labels=labels)
    assert top_k(truth, rows, k) == pytest.approx(theirs)


@settings(deadline=None)
@given(judged())
def test_top_1_counts_the_most_probable_class(
    case: tuple[NDArray[np.int64], NDArray[np.float32]],
) -> None:
    truth, rows = case
    assert top1(truth, rows) == pytest.approx(sklearn.accuracy_score(truth, rows.argmax(axis=1)))


@settings(deadline=None)
@given(judged())
def test_log_loss_is_that_of_scikit_learn(
    case: tuple[NDArray[np.int64], NDArray[np.float32]],
) -> None:
    truth, rows = case
    rows = rows.astype(np.float64) / rows.sum(axis=1, keepdims=True, dtype=np.float64)
    theirs = sklearn.log_loss(truth, rows, labels=range(rows.shape[1]))
    assert log_loss(truth, rows) == pytest.approx(theirs, abs=1e-6)


@settings(deadline=None)
@given(judged())
def test_confusion_and_report_are_those_of_scikit_learn(
    case: tuple[NDArray[np.int64], NDArray[np.float32]],
) -> None:
    truth, rows = case
    predicted, labels = rows.argmax(axis=1), range(rows.shape[1])
    matrix = confusion(truth, predicted, rows.shape[1])
    assert (matrix == sklearn.confusion_matrix(truth, predicted, labels=labels)).all()
    ours = report(matrix, [f"class {n}" for n in labels])
    theirs: tuple[Any, ...] = sklearn.precision_recall_fscore_support(
        truth, predicted, labels=labels, zero_division=0
    )
    columns = ["precision", "recall", "f1", "images"]
    for name, expected in zip(columns, theirs, strict=True):
        assert [getattr(c, name) for c in ours.classes] == pytest.approx(list(expected))
    assert ours.average.f1 == pytest.approx(theirs[2].mean())
    assert ours.average.images == len(truth)
    assert ours.accuracy == pytest.approx(top1(truth, rows))


def test_a_network_that_says_the_same_of_every_class_is_not_always_right() -> None:
    flat = np.full((4, 4), 0.25)
    assert top1([0, 1, 2, 3], flat) == 0.25
    assert top_k([0, 1, 2, 3], flat, 2) == 0.5


def test_what_is_not_a_number_is_wrong() -> None:
    rows = np.array([[np.nan, 0.5], [0.9, 0.1]])
    assert top1([0, 0], rows) == 0.5
    assert top1([1, 0], rows) == 0.5
    assert math.isnan(log_loss([0, 0], rows))


def test_a_certain_mistake_costs_a_finite_loss() -> None:
    assert 80 < log_loss([0], [[0.0, 1.0]]) < 90


@pytest.mark.parametrize(
    ("truth", "probabilities"),
    [
        ([], np.zeros((0, 2))),
        ([0], [0.5, 0.5]),
        ([0, 1], [[0.5, 0.5]]),
        ([2], [[0.5, 0.5]]),
        ([-1], [[0.5, 0.5]]),
        ([0.0], [[0.5, 0.5]]),
    ],
)
def test_what_does_not_fit_is_refused(truth: Any, probabilities: Any) -> None:
    with pytest.raises(ValueError, match=r"class|images"):
        top1(truth, probabilities)
    with pytest.raises(ValueError, match=r"class|images"):
        log_loss(truth, probabilities)


def test_a_confusion_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="2 true classes, but 1 predicted"):
        confusion([0, 1], [0], 2)
    with pytest.raises(ValueError, match="none of 2 classes"):
        confusion([0, 1], [0, 2], 2)
    with pytest.raises(ValueError, match="for 3 classes"):
        report([[1, 0], [0, 1]], ["a", "b", "c"])
    with pytest.raises(ValueError, match="no image"):
        report([[0, 0], [0, 0]], ["a", "b"])
    with pytest.raises(ValueError, match="at least one"):
        top_k([0], [[1.0, 0.0]], 0)


def test_the_report_as_text_and_as_json() -> None:
    made = report([[8, 2], [1, 9]], ["cat", "a dog"])
    assert str(made) == (
        "class          precision  recall      f1  images\n"
        "cat               0.8889  0.8000  0.8421      10\n"
        "a dog             0.8182  0.9000  0.8571      10\n"
        "macro average     0.8535  0.8500  0.8496      20\n"
        "accuracy 0.8500\n"
    )
    read = json.loads(made.to_json())
    assert read["accuracy"] == 0.85
    assert read["classes"][1]["name"] == "a dog"
    assert read["classes"][1]["recall"] == 0.9
