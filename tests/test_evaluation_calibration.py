"""Temperature scaling mends what a wrong temperature broke, and changes nothing else."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from parnet_zoo.evaluation.calibration import (
    COLDEST,
    HOTTEST,
    at_temperature,
    calibration_error,
    confidence_bins,
    fit_temperature,
)
from parnet_zoo.evaluation.metrics import log_loss
from parnet_zoo.evaluation.temperature_scaling import Answers, calibrate

Drawn = tuple[NDArray[np.int64], NDArray[np.float32]]


def drawn(seed: int, images: int = 4000, classes: int = 4) -> Drawn:
    """Labels that are drawn from the very probabilities: perfectly calibrated."""
    random = np.random.default_rng(seed)
    rows = random.dirichlet(np.full(classes, 0.6), images)
    labels = (rows.cumsum(axis=1) < random.random((images, 1))).sum(axis=1)
    return np.minimum(labels, classes - 1), rows.astype(np.float32)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10**6), st.integers(2, 12))
def test_calibrated_probabilities_have_a_temperature_of_about_one(seed: int, classes: int) -> None:
    truth, rows = drawn(seed, classes=classes)
    assert fit_temperature(truth, rows) == pytest.approx(1, abs=0.15)
    assert calibration_error(truth, rows) < 0.04


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10**6), st.floats(0.3, 4))
def test_the_temperature_that_distorted_probabilities_is_found(seed: int, distorted: float) -> None:
    truth, rows = drawn(seed)
    wrong = at_temperature(rows, distorted)
    assert fit_temperature(truth, wrong) * distorted == pytest.approx(1, rel=0.15)


@settings(deadline=None)
@given(st.integers(0, 10**6), st.floats(0.2, 5))
def test_scaling_keeps_every_answer_and_gives_distributions(seed: int, temperature: float) -> None:
    _, rows = drawn(seed, images=100)
    scaled = at_temperature(rows, temperature)
    assert (scaled.argmax(axis=1) == rows.argmax(axis=1)).all()
    assert scaled.sum(axis=1) == pytest.approx(np.ones(100), abs=1e-5)
    assert at_temperature(rows, 1.0) == pytest.approx(rows, abs=1e-6)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10**6), st.floats(0.3, 3), st.floats(0.2, 5))
def test_no_other_temperature_has_less_log_loss(seed: int, distorted: float, other: float) -> None:
    truth, rows = drawn(seed, images=500)
    wrong = at_temperature(rows, distorted)
    best = log_loss(truth, at_temperature(wrong, fit_temperature(truth, wrong)))
    assert best <= log_loss(truth, at_temperature(wrong, other)) + 1e-6


def test_where_every_image_is_right_the_coldest_is_the_best() -> None:
    assert fit_temperature([0, 1], [[0.9, 0.1], [0.2, 0.8]]) == pytest.approx(COLDEST)


def test_where_certain_answers_are_wrong_the_hottest_is_the_best() -> None:
    rows = np.array([[0.99, 0.01]] * 10)
    assert fit_temperature([1] * 10, rows) == pytest.approx(HOTTEST)


def test_the_error_is_the_mean_gap_of_the_bins() -> None:
    # 0.95 said and half right, 0.65 said and all right: 4 images in 2 bins
    rows = [[0.95, 0.05], [0.95, 0.05], [0.65, 0.35], [0.65, 0.35]]
    assert calibration_error([0, 1, 0, 0], rows) == pytest.approx((0.45 * 2 + 0.35 * 2) / 4)
    bins = confidence_bins([0, 1, 0, 0], rows, bins=10)
    assert bins.images.tolist() == [0, 0, 0, 0, 0, 0, 2, 0, 0, 2]
    assert bins.accuracy[9] == 0.5
    assert bins.confidence[6] == pytest.approx(0.65)
    assert bins.first == 6


def test_certainty_belongs_to_the_last_bin() -> None:
    assert confidence_bins([0], [[1.0, 0.0]], bins=15).images[14] == 1


def test_what_is_not_a_number_is_left_out_of_the_fit_and_shows_in_the_error() -> None:
    truth, rows = drawn(0, images=200)
    spoiled = np.concatenate((rows, np.full((1, 4), np.nan, np.float32)))
    longer = np.append(truth, 0)
    assert fit_temperature(longer, spoiled) == pytest.approx(fit_temperature(truth, rows))
    assert math.isnan(calibration_error(longer, spoiled))
    with pytest.raises(ValueError, match="no image"):
        fit_temperature([0], [[np.nan, np.nan]])
    with pytest.raises(ValueError, match="not a number"):
        confidence_bins(longer, spoiled)


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan, math.inf])
def test_a_temperature_is_above_zero(temperature: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        at_temperature([[0.5, 0.5]], temperature)


@pytest.mark.parametrize(("truth", "rows"), [([], np.zeros((0, 2))), ([2], [[0.5, 0.5]])])
def test_what_does_not_fit_is_refused(truth: Any, rows: Any) -> None:
    with pytest.raises(ValueError, match=r"class|images"):
        fit_temperature(truth, rows)


def test_a_temperature_from_one_split_is_measured_on_another() -> None:
    truth, rows = drawn(1)
    wrong = at_temperature(rows, 0.4)
    found = calibrate(
        Answers("validation", truth[:2000], wrong[:2000]),
        Answers("test", truth[2000:], wrong[2000:]),
        same_images=False,
    )
    assert found.temperature == pytest.approx(2.5, rel=0.1)
    assert found.ece_calibrated < 0.03
    assert found.ece > 0.1
    assert found.log_loss_calibrated < found.log_loss
    told = json.loads(found.to_json())
    assert told["fitted_on"] == "validation"
    assert told["measured_images"] == 2000
    assert told["ece"] == found.ece
