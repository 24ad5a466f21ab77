"""The learning rate as a function of the step: against formulas, Keras, and what always holds."""

from __future__ import annotations

import math
from itertools import pairwise

import keras
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parnet_zoo.recipe.schema.schedule import ScheduleSection
from parnet_zoo.training.learning_rate import rate_at

part = st.floats(0.01, 1)
warmups = st.floats(0, 5)
schedules = st.one_of(
    st.builds(ScheduleSection, warmup_epochs=warmups),
    st.builds(ScheduleSection, name=st.just("exponential"), decay=part, warmup_epochs=warmups),
    st.builds(
        ScheduleSection,
        name=st.just("step"),
        decay=part,
        every_epochs=st.integers(1, 9),
        warmup_epochs=warmups,
    ),
    st.builds(
        ScheduleSection,
        name=st.just("cosine"),
        final=st.none() | st.floats(0, 1),
        warmup_epochs=warmups,
    ),
    st.builds(
        ScheduleSection,
        name=st.just("one_cycle"),
        start=st.none() | part,
        peak=st.none() | st.floats(0.01, 0.99),
        final=st.none() | st.floats(0, 1),
        warmup_epochs=warmups,
    ),
)


def rates(section: ScheduleSection, epochs: int, steps: int, full: float = 1.0) -> list[float]:
    """The rate of every step, and the one that the last step leads to."""
    return [
        rate_at(step, rate=full, section=section, steps_per_epoch=steps, total_steps=epochs * steps)
        for step in range(epochs * steps + 1)
    ]


def test_a_constant_rate_is_constant() -> None:
    assert rates(ScheduleSection(), 2, 3, 0.3) == [0.3] * 7


def test_a_warm_up_grows_from_above_zero_to_below_the_full_rate() -> None:
    got = rates(ScheduleSection(warmup_epochs=0.5), 1, 8)
    assert got == pytest.approx([1 / 5, 2 / 5, 3 / 5, 4 / 5, 1, 1, 1, 1, 1])


def test_cosine_goes_from_the_full_rate_to_zero_over_the_steps_after_the_warm_up() -> None:
    got = rates(ScheduleSection(name="cosine", warmup_epochs=1), 3, 10)
    assert got[:10] == pytest.approx([(n + 1) / 11 for n in range(10)])
    assert got[10:] == pytest.approx([0.5 * (1 + math.cos(math.pi * n / 20)) for n in range(21)])


def test_exponential_is_multiplied_after_every_epoch_that_the_warm_up_leaves() -> None:
    plain = ScheduleSection(name="exponential", decay=0.5)
    assert rates(plain, 3, 4)[:-1] == [1] * 4 + [0.5] * 4 + [0.25] * 4
    warmed = plain.model_copy(update={"warmup_epochs": 1.0})
    assert rates(warmed, 3, 4)[4:-1] == [1] * 4 + [0.5] * 4


def test_step_is_multiplied_after_so_many_epochs_of_the_training() -> None:
    section = ScheduleSection(name="step", decay=0.1, every_epochs=2, warmup_epochs=1)
    got = rates(section, 6, 3)
    assert got[3:-1] == pytest.approx([1] * 3 + [0.1] * 6 + [0.01] * 6)


def test_one_cycle_goes_up_to_the_full_rate_and_down_to_the_last() -> None:
    section = ScheduleSection(name="one_cycle", start=0.1, peak=0.25, final=0.01)
    got = rates(section, 4, 10)
    assert got[0] == pytest.approx(0.1)
    assert got[5] == pytest.approx(0.55)
    assert got[10] == 1.0 == max(got)
    assert got[25] == pytest.approx(0.505)
    assert got[-1] == pytest.approx(0.01)
    assert got[:11] == sorted(got[:11])
    assert got[10:] == sorted(got[10:], reverse=True)


@given(schedules, st.integers(6, 12), st.integers(1, 20), st.floats(1e-6, 100))
def test_no_rate_is_negative_or_above_the_full_one(
    section: ScheduleSection, epochs: int, steps: int, full: float
) -> None:
    assert all(0 <= rate <= full * (1 + 1e-12) for rate in rates(section, epochs, steps, full))


@given(schedules, st.integers(6, 12), st.integers(1, 20))
def test_cosine_and_one_cycle_end_at_their_last_rate_and_stay_there(
    section: ScheduleSection, epochs: int, steps: int
) -> None:
    total = epochs * steps
    last, later = (
        rate_at(step, rate=2.0, section=section, steps_per_epoch=steps, total_steps=total)
        for step in (total, total + 7)
    )
    assert last == later
    if section.name in ("cosine", "one_cycle"):
        assert last == pytest.approx(2 * (section.final or 0.0))


@given(schedules.filter(lambda section: section.name in ("constant", "cosine", "one_cycle")))
def test_smooth_schedules_make_no_jumps(section: ScheduleSection) -> None:
    got = rates(section, 10, 200)
    warmup = round(section.warmup_epochs * 200)
    peak = (0.3 if section.peak is None else section.peak) * (2000 - warmup)
    steepest = 1 / warmup if warmup else 0.0
    if section.name != "constant":
        steepest += math.pi / 2 / 1000
    if section.name == "one_cycle":
        steepest += math.pi / 2 / max(peak, 1)
        steepest += math.pi / 2 / max(2000 - warmup - peak, 1)
    jumps = [abs(b - a) for a, b in pairwise(got)]
    assert max(jumps) <= steepest * 1.01 + 1e-12


@pytest.mark.parametrize("final", [None, 0.1])
def test_cosine_is_keras_own(final: float | None) -> None:
    section = ScheduleSection(name="cosine", final=final)
    theirs = keras.optimizers.schedules.CosineDecay(0.2, 60, alpha=final or 0.0)
    got = rates(section, 3, 20, 0.2)
    for step in (0, 1, 19, 20, 33, 59, 60):
        assert got[step] == pytest.approx(float(theirs(step)), rel=1e-5, abs=1e-8)


def test_exponential_is_keras_own() -> None:
    section = ScheduleSection(name="exponential", decay=0.9)
    theirs = keras.optimizers.schedules.ExponentialDecay(0.2, 20, 0.9, staircase=True)
    got = rates(section, 3, 20, 0.2)
    for step in (0, 1, 19, 20, 33, 59):
        assert got[step] == pytest.approx(float(theirs(step)), rel=1e-6)


def test_step_is_keras_own() -> None:
    section = ScheduleSection(name="step", decay=0.1, every_epochs=1)
    # Keras changes after a boundary, and so in the step behind it.
    theirs = keras.optimizers.schedules.PiecewiseConstantDecay([19, 39], [0.2, 0.02, 0.002])
    got = rates(section, 3, 20, 0.2)
    for step in (0, 1, 19, 20, 33, 40, 59):
        assert got[step] == pytest.approx(float(theirs(step)), rel=1e-6)
