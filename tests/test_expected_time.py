"""What a training is expected to take, and how a plan tells it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parnet_zoo.recipe import Recipe
from parnet_zoo.training.expected_time import ExpectedTime, expected_time
from parnet_zoo.training.machine_speed import MachineSpeed, machine_speed
from parnet_zoo.training.method_lines import method_lines
from parnet_zoo.training.plan import Plan
from parnet_zoo.training.run import plan_training
from parnet_zoo.training.spoken_time import spoken_time
from parnet_zoo.training.time_lines import time_lines
from tests.test_cli import RECIPE, write_pictures

QUIET = MachineSpeed(cores=2, core_flops=107e9, free=1.0, precision="mixed_bfloat16")
ONE_CORE = replace(QUIET, cores=1)
NARROW = {
    "branches": 2,
    "channels": [24, 48],
    "final_channels": 96,
    "depth": [2, 2],
    "stem": "small",
}
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def without_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")


def recipe(name: str = "parnet_s", resolution: int = 64, **fields: Any) -> Recipe:
    model = {"name": name, "resolution": resolution, **fields.pop("model", {})}
    return Recipe.model_validate({"name": "r", "epochs": 10, "model": model, **fields})


def told(
    of: Recipe, speed: MachineSpeed = QUIET, train: int = 3200, validation: int = 400
) -> ExpectedTime | str:
    cost = of.spec().cost(num_classes=10, form="training") if of.spec().coster else None
    return expected_time(
        of, cost, classes=10, train=train, validation=validation, test=100, speed=speed
    )


def time_of(of: Recipe, speed: MachineSpeed = QUIET, **images: int) -> ExpectedTime:
    found = told(of, speed, **images)
    assert isinstance(found, ExpectedTime)
    return found


# Against measurements

STEPS = [
    ("parnet_s", 64, 32, None, 0.709, 0.556),
    ("parnet_s", 96, 32, None, 1.275, 0.972),
    ("parnet_s", 128, 16, None, 1.075, 0.819),
    ("parnet_s", 224, 8, None, 1.589, 1.074),
    ("parnet_m", 96, 32, None, 2.211, 1.696),
    ("parnet_xl", 64, 16, None, 2.257, 1.875),
    ("parnet_blog_s", 128, 16, None, 1.038, 0.827),
    ("parnet_s", 96, 32, {"width": 0.5}, 0.452, 0.368),
    ("parnet_s", 32, 32, {"width": 0.5, "stem": "small"}, 0.666, 0.529),
    ("parnet_test", 64, 32, None, 0.052, 0.057),
    ("parnet_s", 32, 32, NARROW, 0.139, 0.206),
    ("parnet_s", 32, 32, {"width": 0.25, "stem": "small"}, 0.261, 0.342),
    ("parnet_s", 64, 32, {"width": 0.25}, 0.140, 0.153),
]
"""Network, pixels, batch, scaling, and the seconds of one core that a step took in float32 and in
bfloat16, on the machine that the docstrings of expected_time.py speak of."""


@pytest.mark.parametrize(("name", "side", "batch", "scaling", "float32", "bfloat16"), STEPS)
def test_the_measured_steps_come_out_within_a_third(
    name: str,
    side: int,
    batch: int,
    scaling: dict[str, Any] | None,
    float32: float,
    bfloat16: float,
) -> None:
    for precision, measured in (("float32", float32), ("mixed_bfloat16", bfloat16)):
        model = {"scaling": scaling} if scaling else {}
        of = recipe(name, side, epochs=1, batch_size=batch, precision=precision, model=model)
        expected = time_of(of, ONE_CORE, train=100 * batch).training / 100
        assert expected == pytest.approx(measured, rel=0.3)


def test_a_training_that_was_timed_comes_out_within_the_range() -> None:
    """8 epochs of parnet_s at 64 px on 9,000 photographs took 23 minutes of processor time."""
    of = recipe(epochs=8)
    expected = time_of(of, ONE_CORE, train=9000, validation=1000)
    assert expected.low < 23 * 60 < expected.high


# What it follows from


@settings(max_examples=25)
@given(
    side=st.sampled_from([32, 64, 96, 128]),
    batch=st.integers(4, 64),
    train=st.integers(100, 50_000),
    epochs=st.integers(1, 50),
)
def test_more_of_anything_takes_longer(side: int, batch: int, train: int, epochs: int) -> None:
    of = recipe(resolution=side, batch_size=batch, epochs=epochs)
    least = time_of(of, train=train).seconds
    assert least > 0
    assert time_of(of, train=2 * train).seconds > least
    assert time_of(of, train=train, validation=800).seconds > least
    assert (
        time_of(recipe(resolution=side + 32, batch_size=batch, epochs=epochs), train=train).seconds
        > least
    )
    assert (
        time_of(recipe("parnet_m", side, batch_size=batch, epochs=epochs), train=train).seconds
        > least
    )
    assert time_of(of, replace(QUIET, core_flops=5e10), train=train).seconds > least
    assert time_of(of, ONE_CORE, train=train).seconds > least
    assert time_of(of, replace(QUIET, cores=8), train=train).seconds < least


@settings(max_examples=25)
@given(seconds=st.floats(1, 1e6), epochs=st.integers(1, 100))
def test_the_epochs_that_fit_take_no_more_than_the_time(seconds: float, epochs: int) -> None:
    fit = time_of(recipe(epochs=epochs)).epochs_within(seconds)
    if fit:
        assert time_of(recipe(epochs=fit)).seconds <= seconds * (1 + 1e-9)
    assert time_of(recipe(epochs=fit + 1)).seconds > seconds * (1 - 1e-9)


def test_smaller_images_first_save_time_and_bfloat16_counts_only_where_it_is_native() -> None:
    whole = time_of(recipe(resolution=128))
    stages = [{"until": 0.5, "resolution": 64}]
    assert time_of(recipe(resolution=128, progressive=stages)).training < 0.8 * whole.training
    plain = replace(QUIET, precision="float32")
    assert time_of(recipe(), plain).training > time_of(recipe()).training
    assert time_of(recipe(precision="float32"), plain) == time_of(recipe(), plain)


def test_what_cannot_be_told_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(recipe("resnet50")) == "what resnet50+r64 costs shows when it is built"
    reason = told(recipe(precision="mixed_float16"))
    assert reason == "this processor does not compute in float16 natively"
    slow = told(recipe(precision="mixed_bfloat16"), replace(QUIET, precision="float32"))
    assert slow == "this processor does not compute in bfloat16 natively"
    monkeypatch.setattr("parnet_zoo.training.expected_time.may_have_gpu", lambda: True)
    assert told(recipe()) == "how fast the GPU is shows then"


def test_this_machine_has_a_speed() -> None:
    speed = machine_speed()
    assert speed.cores >= 1
    assert 1e7 < speed.core_flops < 1e13
    assert 0 < speed.free <= 1
    assert speed.precision in ("float32", "mixed_bfloat16")


# In words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "1 s"), (7.4, "7 s"), (44, "40 s"), (118, "2 min"), (125, "2 min"), (2995, "50 min"),
        (5300, "88 min"), (7800, "2 h 10 min"), (7210, "2 h"), (90_000, "25 h"),
        (260_000, "3 days"),
    ],
)  # fmt: skip
def test_a_length_of_time_is_as_exact_as_an_estimate(seconds: float, words: str) -> None:
    assert spoken_time(seconds) == words


@given(seconds=st.floats(1, 1e8))
def test_rounding_is_off_by_a_quarter_at_most(seconds: float) -> None:
    units = {"s": 1, "min": 60, "h": 3600, "days": 86_400}
    words = spoken_time(seconds).split()
    said = sum(int(n) * units[unit] for n, unit in zip(words[::2], words[1::2], strict=True))
    assert said == pytest.approx(seconds, rel=0.5 if seconds < 2 else 0.25)


FREE = ExpectedTime(start=60, training=2400, validation=300, finish=240, epochs=10)


def lines(of: Recipe, expected: ExpectedTime | str = FREE) -> list[str]:
    return list(time_lines(of, expected, NOON))


def test_the_finish_has_the_clock_the_duration_and_a_range() -> None:
    assert lines(recipe()) == [
        "expected finish about 12:50, in 50 min (33 min to 75 min); measured after the first steps"
    ]
    [line] = lines(recipe(), replace(FREE, training=100_000))
    assert line.startswith("expected finish about 2026-11-25 15:56, in 28 h")


def test_a_busy_machine_and_early_stopping_are_told() -> None:
    first, busy = lines(recipe(), replace(FREE, free=0.25))
    assert "in 50 min" in first
    assert (
        busy
        == "  only 25% of the processor is free now; if that goes on, it takes about 3 h 20 min"
    )
    [line] = lines(recipe(early_stopping={"patience": 3}))
    assert "or earlier by early stopping" in line
    [line] = lines(recipe(early_stopping={"patience": 10}))
    assert "early" not in line


def test_a_time_budget_has_its_end_and_the_epochs_that_may_fit() -> None:
    assert lines(recipe(time="1h30m")) == ["time            1h30m, until 13:30: about 18 epochs"]
    assert lines(recipe(time="7m")) == [
        "time            7m, until 12:07: perhaps less than an epoch"
    ]
    busy = replace(FREE, free=0.5)
    assert lines(recipe(time="1h30m"), busy) == [
        "time            1h30m, until 13:30: about 8 epochs"
    ]
    [line] = lines(recipe(time="1h"), "how fast the GPU is shows then")
    assert line.endswith(
        "as many epochs as fit, known after the first steps: how fast the GPU is shows then"
    )


def test_what_is_unusual_about_a_recipe_is_in_the_plan() -> None:
    assert list(method_lines(recipe())) == []
    unusual = recipe(
        resolution=96,
        smoke=True,
        distribution={"strategy": "mirrored", "devices": 2, "sync_batch_norm": True},
        progressive=[{"until": 0.25, "resolution": 32}, {"until": 0.5, "resolution": 64}],
        augmentation={"mixing": {"mixup": 0.2, "cutmix": 1.0, "probability": 0.5, "until": 0.9}},
        class_weights={"cat": 2, "dog": 0.5},
        ema=0.999,
    )
    assert list(method_lines(unusual)) == [
        "smoke           a handful of images: every stage is only tried, no figure means much",
        "devices         2 devices, a copy of the network on each; batch normalisation over all of"
        " them",
        "image sizes     32 px until 25%, 64 px until 50% of the training, then 96 px",
        "mixing          MixUp at 0.2 or CutMix at 1 in 50% of the batches, until 90% of the"
        " training",
        "class weights   cat: 2, dog: 0.5",
        "average         of the weights, with a decay of 0.999 a step, is what is validated and"
        " kept",
    ]
    [line] = method_lines(recipe(class_weights="balanced"))
    assert line == "class weights   balanced: all classes count alike"
    [line] = method_lines(recipe(class_weights={str(number): 1.5 for number in range(9)}))
    assert line.endswith("5: 1.5 and 3 more")


@pytest.fixture
def pets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_pictures(tmp_path / "pets", {"train/cat": 6, "train/dog": 6})
    (tmp_path / "pets.yaml").write_text(RECIPE)
    return tmp_path


def plan(**changes: Any) -> Plan:
    return plan_training("pets.yaml", **changes)


def test_the_plan_has_the_expected_finish_and_the_budgets_end(pets: Path) -> None:
    assert any(line.startswith("expected finish about ") for line in plan().lines())
    budget = plan(time="30m").lines()
    assert any(line.startswith("time            30m, until ") for line in budget)
    assert any(line.startswith("training        as many epochs as fit into 30m") for line in budget)
    assert not any(line.startswith("expected finish") for line in budget)


def test_the_plan_of_a_baseline_says_when_it_will_be_known(pets: Path) -> None:
    unknown = plan(model="resnet50", image_size=64).lines()
    assert any(line.startswith("expected finish known after the first steps: ") for line in unknown)
