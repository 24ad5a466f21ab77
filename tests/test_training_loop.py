"""The parts of the training loop, each through its own door."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from parnet_zoo.errors import ParnetZooError
from parnet_zoo.networks.write_weights import write_weights
from parnet_zoo.recipe import Recipe
from parnet_zoo.recipe.schema.schedule import ScheduleSection
from parnet_zoo.tracking.journal import Journal
from parnet_zoo.tracking.signals import Interrupted, interruptible
from parnet_zoo.training.checkpoint_file import Checkpoint
from parnet_zoo.training.checkpoint_folder import CheckpointFolder
from parnet_zoo.training.epoch_end import EpochEnd
from parnet_zoo.training.fit_files import CHECKPOINTS, has_checkpoint
from parnet_zoo.training.fit_state import EpochSums, FitState
from parnet_zoo.training.full_disk import full_disk_in_words
from parnet_zoo.training.interruption import interruption
from parnet_zoo.training.learner import Learner
from parnet_zoo.training.moving_average import MovingAverage
from parnet_zoo.training.pace import FINISH_SECONDS, Pace
from parnet_zoo.training.run_folder import broken_off
from parnet_zoo.training.smoke import smoke_recipe
from parnet_zoo.training.strategy import training_strategy
from parnet_zoo.training.time_budget import TimeBudget
from parnet_zoo.training.variables import put_values, values_of


def recipe(**changes: Any) -> Recipe:
    data = {"name": "loop", "epochs": 10, "model": {"name": "parnet_test", "resolution": 32}}
    return Recipe.model_validate({**data, **changes})


def network() -> Any:
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(5), keras.layers.BatchNormalization(),
         keras.layers.Dropout(0.5), keras.layers.Dense(3, name="outer")]
    )  # fmt: skip


def shake(model: Any, seed: int) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    values = [random.normal(size=w.shape).astype(np.float32) for w in model.weights]
    model.set_weights(values)
    return values


def test_the_moving_average_is_that_of_all_weights_statistics_included() -> None:
    model = network()
    average = MovingAverage(model.weights, 0.9)
    expected = [np.array(w) for w in model.weights]
    for step in range(20):
        weights = shake(model, step)
        rate = average.rate(step)
        assert rate == 1 - min(0.9, (1 + step) / (10 + step))
        average.update(rate)
        expected = [a + (w - a) * rate for a, w in zip(expected, weights, strict=True)]
    for found, value in zip(average.values, expected, strict=True):
        np.testing.assert_allclose(np.array(found), value, atol=1e-5)


def test_validation_sees_the_average_and_training_goes_on_from_its_own_weights() -> None:
    model = network()
    average = MovingAverage(model.weights, 0.9)
    first = [np.array(w) for w in model.weights]
    own = shake(model, 3)
    with average.in_place():
        for weight, value in zip(model.weights, first, strict=True):
            np.testing.assert_array_equal(np.array(weight), value)
    for weight, value in zip(model.weights, own, strict=True):
        np.testing.assert_array_equal(np.array(weight), value)
    with pytest.raises(RuntimeError), average.in_place():
        raise RuntimeError
    np.testing.assert_array_equal(np.array(model.weights[0]), own[0])


def test_all_variables_come_back_bit_for_bit_seeds_and_optimiser_included() -> None:
    model, other = network(), network()
    optimizers = [keras.optimizers.Adam(0.1), keras.optimizers.Adam(0.1)]
    for m, o in zip((model, other), optimizers, strict=True):
        o.build(m.trainable_variables)
    shake(model, 5)
    optimizers[0].apply([keras.ops.ones(v.shape) for v in model.trainable_variables])
    model(np.ones((2, 4), np.float32), training=True)  # moves the dropout's seed on
    values = values_of({"model": model.variables, "optimizer": optimizers[0].variables})
    assert any("seed" in name for name in values), "the dropout's"
    put_values({"model": other.variables, "optimizer": optimizers[1].variables}, values)
    again = values_of({"model": other.variables, "optimizer": optimizers[1].variables})
    assert values.keys() == again.keys()
    assert all(values[name].tobytes() == again[name].tobytes() for name in values)


def test_variables_of_another_training_are_refused_in_a_sentence() -> None:
    values = values_of({"model": network().variables})
    with pytest.raises(Exception, match="does not fit this training"):
        put_values({"optimizer": network().variables}, values)


def epoch_end(folder: Path, model: Any, **changes: Any) -> tuple[EpochEnd, list[Any], list[Any]]:
    metrics: list[Any] = []
    files: list[Any] = []
    end = EpochEnd(
        recipe(**changes),
        model,
        folder,
        metrics=lambda values, epoch: metrics.append((epoch, values)),
        checkpoint=lambda kept: files.append((kept, kept.path.stat().st_size)),
        tensorboard=None,
        state=FitState(),
    )
    return end, metrics, files


def finish_epochs(end: EpochEnd, model: Any, metric: str, values: Sequence[float]) -> FitState:
    """Ends of epochs, each with its number in the bias of the last layer."""
    state = FitState(total_steps=len(values))
    for epoch, value in enumerate(values, start=1):
        state.step = epoch
        model.get_layer("outer").bias.assign([float(epoch)] * 3)
        metrics = {
            "loss": 1.0,
            "accuracy": 0.5,
            "val_loss": 1.0,
            "val_accuracy": 0.5,
            metric: value,
        }
        for name, number in metrics.items():
            state.history.setdefault(name, []).append(number)
        end(metrics, state)
        if state.stopped:
            break
    return state


@pytest.mark.parametrize(
    ("metric", "values", "best"),
    [
        ("val_loss", [3.0, 1.0, 2.0], 2),
        ("val_accuracy", [0.3, 0.9, 0.9], 2),
        ("val_loss", [math.nan, 5.0, math.inf], 2),
        ("val_loss", [math.nan, math.nan], None),
    ],
)
def test_the_best_epochs_weights_are_kept(
    tmp_path: Path, metric: str, values: list[float], best: int | None
) -> None:
    model = network()
    end, _, _ = epoch_end(tmp_path, model, early_stopping={"monitor": metric, "patience": 99})
    state = finish_epochs(end, model, metric, values)
    assert state.best_epoch == best
    end.saved(state)
    end.saved(state)
    files = [path.name for path in tmp_path.iterdir()]
    assert files == ([state.best_file] if best else [])
    if state.best_file:
        fresh = network()
        fresh.load_weights(tmp_path / state.best_file)
        assert np.asarray(fresh.get_layer("outer").bias).tolist() == [best] * 3


def test_weights_that_the_checkpoint_before_speaks_of_are_not_dropped(tmp_path: Path) -> None:
    model = network()
    end, _, _ = epoch_end(tmp_path, model)
    first = finish_epochs(end, model, "val_loss", [3.0])
    end.saved(first)
    later = finish_epochs(end, model, "val_loss", [3.0, 2.0, 1.0])
    end.saved(later)
    assert {path.name for path in tmp_path.iterdir()} == {first.best_file, later.best_file}


def test_it_stops_early_after_so_many_epochs_without_a_better_one(tmp_path: Path) -> None:
    model = network()
    end, metrics, _ = epoch_end(tmp_path, model, early_stopping={"patience": 2})
    state = finish_epochs(end, model, "val_loss", [3, 2, 2.5, 1, 1.5, 1.2, 0.1])
    assert state.stopped
    assert state.best_epoch == 4
    assert [epoch for epoch, _ in metrics] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("suffix", [".weights.h5", ".keras"])
def test_checkpoints_come_every_so_many_epochs_named_logged_and_removed(
    tmp_path: Path, suffix: str
) -> None:
    model = network()
    section = {"every_epochs": 2, "filename": "e{epoch:02d}-{val_loss:.2f}" + suffix}
    end, _, files = epoch_end(tmp_path, model, checkpoints=section)
    finish_epochs(end, model, "val_loss", [3, 2.5, 2, 1.25])
    assert [kept.path.name for kept, _ in files] == [f"e02-2.50{suffix}", f"e04-1.25{suffix}"]
    assert all(size > 0 for _, size in files)
    assert not [path for path in tmp_path.iterdir() if not path.name.startswith("best-")]


@pytest.mark.parametrize(
    ("section", "wanted"),
    [
        ({"every_epochs": 2, "keep": 1}, [("epoch", 2, 1), ("epoch", 4, 1)]),
        ({"every_epochs": None, "best": True}, [("best", 1, 1), ("best", 3, 1)]),
        ({"every_epochs": None, "last": True}, [("last", 4, 1)]),
        ({"every_epochs": 4, "last": True}, [("epoch", 4, None), ("last", 4, 1)]),
    ],
)
def test_the_recipe_says_which_checkpoints_there_are_and_how_many_stay(
    tmp_path: Path, section: dict[str, Any], wanted: list[Any]
) -> None:
    model = network()
    end, _, files = epoch_end(tmp_path, model, checkpoints=section)
    finish_epochs(end, model, "val_loss", [3, 3.5, 2, 2.5])
    assert [(kept.kind, kept.epoch, kept.keep) for kept, _ in files] == wanted


def test_a_checkpoint_named_like_the_best_weights_does_not_take_them_away(tmp_path: Path) -> None:
    model = network()
    end, _, files = epoch_end(
        tmp_path, model, checkpoints={"filename": "best-00{epoch:04d}.weights.h5"}
    )
    state = finish_epochs(end, model, "val_loss", [3.0])
    assert [kept.path.name for kept, _ in files] == [state.best_file]
    assert (tmp_path / str(state.best_file)).is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="limits on the size of files are POSIX's")
@pytest.mark.parametrize("checkpoints", [None, {"filename": "{epoch}.keras"}])
def test_a_full_disk_at_the_end_of_an_epoch_is_one_sentence_and_leaves_nothing_torn(
    tmp_path: Path, checkpoints: Any
) -> None:
    import resource

    model = network()
    # A checkpoint of weights that are not the best: nothing else is written then.
    score = math.nan if checkpoints else 1.0
    end, _, _ = epoch_end(tmp_path, model, checkpoints=checkpoints)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with (
            pytest.raises(ParnetZooError, match=r"cannot be written: .* then resume the run"),
            full_disk_in_words(tmp_path),
        ):
            finish_epochs(end, model, "val_loss", [score])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())


def test_other_errors_are_not_taken_for_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), full_disk_in_words(tmp_path):
        (tmp_path / "nothing").read_bytes()


def test_a_file_of_weights_loads_as_keras_own_does(tmp_path: Path) -> None:
    model, fresh = network(), network()
    shake(model, 1)
    write_weights(model, tmp_path / "a.weights.h5")
    fresh.load_weights(tmp_path / "a.weights.h5")
    for a, b in zip(fresh.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert [path.name for path in tmp_path.iterdir()] == ["a.weights.h5"]


def test_a_checkpoint_that_is_being_written_is_none_yet(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path / CHECKPOINTS)
    assert not has_checkpoint(tmp_path)
    written = folder.save(Checkpoint({}, {}))
    assert has_checkpoint(tmp_path)
    written.rename(written.with_name(f"unfinished-{written.name}"))
    assert not has_checkpoint(tmp_path)
    assert folder.latest() is None


def test_of_several_runs_the_one_that_was_interrupted_last_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert broken_off(None) is None
    for name, status, age in (("1", "KILLED", 10), ("2", "KILLED", 20), ("3", "FAILED", 0)):
        folder = tmp_path / ".parnet-zoo" / "runs" / name
        folder.mkdir(parents=True)
        (folder / "recipe.yaml").write_text("")
        with Journal(folder / "journal.jsonl") as journal:
            journal.append("run", {"local_id": name})
            journal.append("status", {"status": status})
        os.utime(folder / "journal.jsonl", (1e9 - age, 1e9 - age))
    found = broken_off(None)
    assert found is not None
    assert found.run_id == "1"
    with Journal(found.directory / "journal.jsonl"):
        other = broken_off(None)
    assert other is not None
    assert other.run_id == "2"


def pace(**changes: Any) -> Pace:
    given = {"steps_per_epoch": 10, "batch_size": 32, "validation_images": 0, "test_images": 0}
    return Pace(**{**given, "resolution": 64, "size": lambda _step, _total: 64, **changes})


def test_what_remains_is_counted_in_steps_validations_and_judging() -> None:
    found = pace(validation_images=100, test_images=300)
    for _ in range(13):
        found.stepped(64, 0.5)
    assert found.timed == 10  # the first three say nothing
    found.validated(2.0)
    judged = 0.35 * 0.5 / 32 * 400
    assert found.remaining(5, 25) == pytest.approx(20 * 0.5 + 3 * 2.0 + judged + FINISH_SECONDS)


def test_steps_with_smaller_images_count_for_less() -> None:
    found = pace(size=lambda step, total: 32 if step < total / 2 else 64)
    for _ in range(10):
        found.stepped(32, 0.1)
    assert found.step_seconds == pytest.approx(0.1)
    assert found.remaining(0, 100) == pytest.approx(50 * 0.1 + 50 * 0.4 + FINISH_SECONDS)


@given(seconds=st.floats(20, 10_000), step=st.integers(0, 500))
@settings(max_examples=50)
def test_as_many_steps_fit_into_the_time_as_end_within_it(seconds: float, step: int) -> None:
    found = pace(size=lambda step, total: 32 if step < total / 3 else 64)
    for _ in range(10):
        found.stepped(64, 0.05)
    total = found.fitting_steps(step, seconds)
    assert total > step
    if total > step + 1:
        assert found.remaining(step, total) <= seconds
    assert found.remaining(step, total + 2) > seconds - 0.05


def test_a_time_budget_follows_the_clock_when_the_machine_gets_slower() -> None:
    found, budget, state = pace(), TimeBudget(100.0), FitState(total_steps=1000)
    for _ in range(13):
        found.stepped(64, 0.1)
    state.step = 13
    assert budget.due(state, found.timed)
    state.total_steps = budget.steps(found, state, 6.3)
    assert state.total_steps == pytest.approx(13 + (100 - 6.3 - FINISH_SECONDS) / 0.1, abs=2)
    assert not budget.due(state, found.timed)
    for _ in range(300):
        found.stepped(64, 0.2)
    state.step = 313
    assert budget.due(state, found.timed)
    assert budget.steps(found, state, 66.3) < state.total_steps - 150


def test_a_warm_up_is_shortened_to_what_fits_into_the_time() -> None:
    budget = TimeBudget(100.0)
    section = ScheduleSection(name="cosine", warmup_epochs=5)
    assert budget.fitted(section, total_steps=1000, steps_per_epoch=10).warmup_epochs == 5
    assert budget.fitted(section, total_steps=100, steps_per_epoch=10).warmup_epochs == 2


def test_a_state_survives_json_bit_for_bit() -> None:
    state = FitState(
        step=3,
        total_steps=9,
        sums=EpochSums(loss=0.1 + 0.2, correct=1.0, images=3.0, seconds=0.3),
        history={"loss": [1 / 3, math.inf]},
        best_epoch=1,
        best_score=-1 / 7,
        best_file="best-000001.weights.h5",
    )
    assert FitState.model_validate_json(state.model_dump_json()) == state


@pytest.mark.parametrize(
    "changes",
    [
        {"best_file": "../best-000001.weights.h5"},
        {"best_file": "/etc/passwd"},
        {"best_file": "best-000001.weights.h5\n"},
        {"best_epoch": 7},
        {"history": {"loss": [1.0], "val_loss": []}},
        {"step": -1},
    ],
)
def test_a_state_that_was_tampered_with_is_refused(changes: dict[str, Any]) -> None:
    state = {"history": {"loss": [1.0]}, "best_epoch": 1, "best_file": "best-000001.weights.h5"}
    assert FitState.model_validate(state).best_epoch == 1
    with pytest.raises(ValidationError):
        FitState.model_validate({**state, **changes})


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_for_the_step_to_end_and_a_second_one_does_not(number: int) -> None:
    before = signal.getsignal(number)
    with interruptible(), interruption() as asked:
        os.kill(os.getpid(), number)
        assert asked
        with pytest.raises(Interrupted) as raised:
            asked.raise_it()
        assert raised.value.exit_code == 128 + number
        with pytest.raises(Interrupted):
            os.kill(os.getpid(), number)
    assert signal.getsignal(number) == before


def test_a_second_sigterm_does_not_break_off_the_ending_that_the_first_one_began() -> None:
    with interruptible():
        with interruption():
            os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)


def test_a_training_in_another_thread_leaves_signals_alone() -> None:
    found: list[bool] = []

    def work() -> None:
        with interruption() as asked:
            found.append(bool(asked))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [False]


GOING_ON = """
from parnet_zoo.training.silence import import_quietly
import_quietly()
import numpy as np, tensorflow as tf
from parnet_zoo.recipe import Recipe
from parnet_zoo.training.learner import Learner
from parnet_zoo.training.reproducible import seed_everything
seed_everything(0, deterministic=True)
recipe = Recipe.model_validate({"name": "steps", "epochs": 1, "deterministic": True, "ema": 0.9,
    "model": {"name": "parnet_test", "resolution": 64, "scaling": {"dropout": 0.3}}})
random = np.random.default_rng(0)
def batch(count, size):
    targets = np.eye(3, dtype=np.float32)[random.integers(0, 3, count)]
    pixels = random.normal(size=(count, size, size, 3)).astype(np.float32)
    return tf.constant(pixels), tf.constant(targets)
batches = [batch(8, 32), batch(3, 32), batch(8, 64), batch(3, 64), batch(8, 64)]
def trained(first, values):
    learner = Learner(recipe, 3, precision="float32", strategy=tf.distribute.get_strategy(),
                      class_weights=np.ones(3, np.float32))
    learner.begin()
    if values:
        learner.restore(values)
    found = []
    for number in range(first, len(batches)):
        found.append(learner.values())
        learner.step(*batches[number], number=number, rate=0.01)
    return [*found, learner.values()]
whole = trained(0, None)
last = trained(3, whole[3])[-1]
print(sum(last[name].tobytes() != whole[-1][name].tobytes() for name in last), "differ")
"""


@pytest.mark.slow
def test_a_step_does_the_same_whatever_sizes_were_trained_before_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", GOING_ON], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.stdout == "0 differ\n", done.stderr[-2000:]


def test_a_smoke_recipe_is_small_and_stays_as_it_is_when_made_so_again() -> None:
    whole = recipe(
        epochs=90,
        batch_size=2048,
        time="2h",
        optimizer={"accumulation": 8},
        schedule={"name": "cosine", "warmup_epochs": 5, "head_epochs": 3},
        checkpoints={"every_epochs": 10},
        early_stopping={"patience": 3},
        model={"name": "parnet_test", "resolution": 64},
        augmentation={"mixing": {"mixup": 0.2}},
        progressive=[{"until": 0.5, "resolution": 32}],
    )
    small = smoke_recipe(whole, 10)
    assert (small.epochs, small.time, small.data.limit, small.batch_size) == (2, None, 40, 20)
    assert small.augmentation == whole.augmentation
    assert small.progressive == whole.progressive
    assert small.checkpoints is not None
    assert small.checkpoints.every_epochs == 1
    assert smoke_recipe(small, 10) == small


@pytest.mark.slow
def test_the_head_learns_alone_and_then_all_of_it_with_a_fresh_optimiser() -> None:
    data = recipe(schedule={"name": "cosine", "head_epochs": 1}, optimizer={"name": "adamw"})
    one_device = training_strategy(data.distribution)
    weights = np.ones(3, np.float32)
    learner = Learner(data, 3, precision="float32", strategy=one_device, class_weights=weights)
    learner.begin()
    pixels = tf.random.stateless_normal((4, 32, 32, 3), seed=(1, 2))
    targets = tf.one_hot([0, 1, 2, 0], 3)

    def changed_by_two_steps() -> set[bool]:
        """Whether stages before the head, and the head, have changed."""
        before = learner.values()
        for number in range(2):
            learner.step(pixels, targets, number=number, rate=1e-2)
        after = learner.values()
        return {
            "head" in variable.path
            for name, variable in learner.variables().items()
            if name.startswith("model/") and not np.array_equal(before[name], after[name])
        }

    fresh = learner.values()
    learner.train_head_only(True)
    assert changed_by_two_steps() == {True}
    learner.train_head_only(False)
    learner.restart_optimizer()
    for name, value in learner.values().items():
        if name.startswith("optimizer/"):
            np.testing.assert_array_equal(value, fresh[name])
    assert changed_by_two_steps() == {True, False}
