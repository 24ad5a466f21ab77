"""What a sweep varies, chooses, gives up, and how its processes share the trials."""

from __future__ import annotations

import csv
import math
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow import MlflowClient

from parnet_zoo.errors import UsageError
from parnet_zoo.recipe import RecipeError, load_recipe
from parnet_zoo.recipe.flat import flat_recipe
from parnet_zoo.tracking.process import Host
from parnet_zoo.tracking.sweep_board import FOLDER_TAG, SWEEP_TAG, SweepBoard, last_sweep
from parnet_zoo.tracking.sweep_workers import LEASE_SECONDS, WORKER_TAG, Watch, Worker
from parnet_zoo.training.join_sweep import join_sweep
from parnet_zoo.training.progress import Progress
from parnet_zoo.training.sweep import sweep
from parnet_zoo.training.sweeping.definition import SweepDefinition, Values, as_settings
from parnet_zoo.training.sweeping.dimension import Choices, Range
from parnet_zoo.training.sweeping.job import TrialEnd, TrialJob
from parnet_zoo.training.sweeping.known_trial import KnownTrial
from parnet_zoo.training.sweeping.parse_over import parse_over
from parnet_zoo.training.sweeping.prune import is_behind
from parnet_zoo.training.sweeping.suggest import random_values, suggest
from parnet_zoo.training.sweeping.work import Work
from tests.conftest import REPOSITORY
from tests.sweep_worker import pretend
from tests.test_cli import write_pictures

RATE = "optimizer.learning_rate"
RECIPE = """\
name: tiny
epochs: 2
model: {name: parnet_test, resolution: 32}
data: {root: pictures, validation: 0.2}
"""


def defined(*over: str, sampler: Any = "grid", trials: int = 4, **fields: Any) -> SweepDefinition:
    return SweepDefinition(
        recipe=RECIPE,
        source="tiny.yaml",
        over=over or (f"{RATE}=0.1,0.2,0.3,0.4",),
        sampler=sampler,
        trials=trials,
        data_digest="0",
        **{"seed": 0, "metric": "val_accuracy", **fields},
    )


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (f"{RATE}=1e-3,3e-4", Choices(RATE, (1e-3, 3e-4))),
        ("model.name=parnet_s, parnet_m", Choices("model.name", ("parnet_s", "parnet_m"))),
        ("early_stopping=null,{patience: 3}", Choices("early_stopping", (None, {"patience": 3}))),
        (
            "progressive=[],[{until: 0.5, resolution: 64}]",
            Choices("progressive", ([], [{"until": 0.5, "resolution": 64}])),
        ),
        ("description='a, b',c", Choices("description", ("a, b", "c"))),
        ("data.root=../x,../y", Choices("data.root", ("../x", "../y"))),
        (f"{RATE}=log:1e-4..1e-2", Range(RATE, 1e-4, 1e-2, log=True)),
        ("label_smoothing=0..1", Range("label_smoothing", 0, 1)),
        ("epochs=10..30", Range("epochs", 10, 30, whole=True)),
        ("model.resolution=64..128:32", Range("model.resolution", 64, 128, whole=True, step=32)),
    ],
)
def test_values_are_written_as_for_set_and_ranges_with_two_dots(
    text: str, meant: Choices | Range
) -> None:
    assert parse_over([text]) == (meant,)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("epochs", "write it as --over"),
        ("epochs=", "write it as --over"),
        ("optimizer.lr=1,2", "did you mean learning_rate?"),
        ("epochs=1,,2", "a value is missing beside a comma"),
        ("epochs=1,1", "1 is there twice"),
        ("epochs=3..1", "from its least number to its greatest: 1..3"),
        ("epochs=1.5..3", "whole numbers at its ends"),
        ("model.name=1..2", "a range is for numbers"),
        (f"{RATE}=log:0..1", "numbers above 0"),
        (f"{RATE}=log:0.1..1:0.1", "either log: or a step"),
        ("epochs=1..3:5", "the step 5 does not fit"),
        ("class_weights={a: 1,", "class_weights"),
    ],
)
def test_what_cannot_be_varied_is_said_in_a_sentence(text: str, said: str) -> None:
    with pytest.raises(RecipeError, match="--over") as caught:
        parse_over([text])
    assert said in str(caught.value)


@given(
    st.integers(-1000, 1000), st.integers(1, 1000), st.integers(1, 100), st.integers(0, 2**32 - 1)
)
def test_a_range_of_whole_numbers_stays_whole_and_inside(
    low: int, more: int, step: int, seed: int
) -> None:
    dimension = Range("seed", low, low + more, whole=True, step=min(step, more))
    values = dimension.finite
    assert all(isinstance(value, int) and low <= value <= low + more for value in values)
    assert len(values) == dimension.count
    assert values[-1] == dimension.top
    assert values[seed % len(values)] - low == (seed % len(values)) * min(step, more)


def test_a_flat_recipe_is_changed_exactly_as_its_files(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(
        "extends: quickstart\nname: own\nepochs: 3\nmodel: {scaling: {dropout: 0.1}}\n"
    )
    (tmp_path / "flat.yaml").write_text(flat_recipe(tmp_path / "own.yaml"))
    for settings in ([], ["model.name=parnet_test"], [f"{RATE}=1", "optimizer.name=sgd"]):
        for changes in ({}, {"model": "parnet_m", "image_size": 64}):
            apart, whole = (
                load_recipe(tmp_path / name, settings, **changes).recipe
                for name in ("own.yaml", "flat.yaml")
            )
            assert apart == whole


def test_a_grid_has_every_combination_once_the_last_field_fastest() -> None:
    definition = defined("epochs=1,2", "batch_size=8..24:8", trials=6)
    found = [suggest(definition, number, ()) for number in range(6)]
    assert [tuple(values.values()) for values in found] == [
        (1, 8), (1, 16), (1, 24), (2, 8), (2, 16), (2, 24),
    ]  # fmt: skip


def test_random_values_depend_on_seed_and_number_only_and_differ() -> None:
    definition = defined(
        f"{RATE}=log:1e-4..1e-2", "batch_size=8,16", sampler="random", trials=8, seed=3
    )
    found = random_values(definition, 8)
    assert [suggest(definition, number, ()) for number in (5, 2)] == [found[5], found[2]]
    other = defined(*definition.over, sampler="random", trials=8, seed=4)
    assert random_values(other, 8) != found
    assert all(1e-4 <= values[RATE] <= 1e-2 for values in found)
    few = defined("batch_size=8,16", "epochs=1,2,3", sampler="random", trials=6)
    assert len({str(values) for values in random_values(few, 6)}) == 6


def test_tpe_repeats_itself_by_seed_and_finds_what_is_good() -> None:
    definition = defined(
        f"{RATE}=log:1e-5..1", "model.name=parnet_s,parnet_m", sampler="tpe", trials=30, seed=1
    )

    def searched() -> list[KnownTrial]:
        known: list[KnownTrial] = []
        for number in range(30):
            values = suggest(definition, number, known)
            value = -abs(math.log10(values[RATE]) + 3) - (values["model.name"] == "parnet_s")
            known.append(KnownTrial(number, values, "complete", value))
        return known

    known = searched()
    assert known == searched()
    reached = [trial.value or 0.0 for trial in known]
    assert sum(reached[-10:]) / 10 > sum(reached[:10]) / 10 + 0.5
    assert len({str(trial.values) for trial in known}) == 30


def test_tpe_takes_every_combination_before_any_twice() -> None:
    definition = defined("batch_size=8,16", "epochs=1,2,3", sampler="tpe", trials=6)
    known: list[KnownTrial] = []
    for number in range(6):
        known.append(KnownTrial(number, suggest(definition, number, known), "complete", 1.0))
    assert len({str(trial.values) for trial in known}) == 6


def test_only_a_trial_behind_the_median_of_enough_others_is_given_up() -> None:
    others = [KnownTrial(n, {}, "complete", 0.9, {1: 0.5, 2: 0.6, 3: 0.9}) for n in range(3)]

    def behind(own: dict[int, float], known: list[KnownTrial] = others, **more: Any) -> bool:
        return is_behind(own, known, **{"epochs": 4, "maximise": True, **more})

    assert behind({1: 0.2, 2: 0.3})
    assert not behind({1: 0.2, 2: 0.7})
    assert not behind({1: 0.2, 2: 0.3}, others[:2])
    assert not behind({1: 0.2, 2: 0.3}, maximise=False)
    assert behind({1: 0.8, 2: 0.7}, maximise=False)
    assert not behind({4: 0.1})  # nothing is saved any more
    assert not behind({1: 0.1}, epochs=20)  # it may be warming up


@pytest.fixture
def tiny(own_store: Path, tmp_path: Path) -> Path:
    own_store.unlink()
    write_pictures(tmp_path / "pictures", {"train/a": 10, "train/b": 10})
    (tmp_path / "tiny.yaml").write_text(RECIPE)
    return tmp_path


def test_everything_wrong_is_said_before_anything_is_made(tiny: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        sweep(
            "tiny.yaml",
            [f"{RATE}=-1,1e-3", "model.name=parnet_q,parnet_s", "schedule.warmup_epochs=1,5"],
            overrides=["batch_size=x"],
        )
    said = str(caught.value).splitlines()
    assert any(line.startswith(f"--over {RATE}: the number -1") for line in said)
    assert any("no backbone is called 'parnet_q'" in line for line in said)
    assert any(line.startswith("--set batch_size: ") and "(with" not in line for line in said)
    assert not (tiny / "mlflow.db").exists()
    assert not (tiny / ".parnet-zoo").exists()


def test_a_contradiction_names_the_combination_that_has_it(tiny: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        sweep("tiny.yaml", ["epochs=1,9", "schedule.warmup_epochs=0.5,2"])
    assert "(with epochs=1 warmup_epochs=2)" in str(caught.value)
    with pytest.raises(RecipeError) as caught:
        sweep("tiny.yaml", ["epochs=1,9", "batch_size=4,8"], overrides=["schedule.warmup_epochs=2"])
    assert "(with epochs=1)" in str(caught.value)


@pytest.mark.parametrize(
    ("over", "options", "said"),
    [
        (["name=a,b"], {}, "all trials have this in common"),
        (["epochs=1,2"], {"epochs": 3}, "epochs=3 sets it already"),
        (["epochs=1,2"], {"overrides": ["epochs=3"]}, "--set epochs sets it already"),
        ([f"{RATE}=0.1..0.2"], {}, "a grid goes through values one by one"),
        (["epochs=1,2"], {"trials": 2}, "--trials is for random, tpe"),
        (["epochs=1,2"], {"sampler": "random"}, "needs --trials N"),
        (["epochs=1,2"], {"sampler": "tpe", "trials": 3}, "there are only 2 combinations"),
        (["epochs=1..2000"], {}, "from 1 to 1000 trials, not 2,000"),
    ],
)
def test_a_sweep_that_makes_no_sense_is_refused(
    tiny: Path, over: list[str], options: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError) as caught:
        sweep("tiny.yaml", over, **options)
    assert said in str(caught.value)
    assert not (tiny / "mlflow.db").exists()


# How the processes share the trials, with trials that only pretend to train


def begun(definition: SweepDefinition) -> SweepBoard:
    return SweepBoard.create(
        experiment="tiny",
        name="tiny-sweep",
        definition=definition.model_dump_json(),
        params={},
        tags={SWEEP_TAG: "{}"},
    )


def work(
    board: SweepBoard,
    definition: SweepDefinition,
    run: Callable[[TrialJob, Path, Callable[[], None]], TrialEnd] = pretend,
) -> Work:
    return Work(board, definition, Path("recipe.yaml"), Path.cwd(), Progress(quiet=True), run)


@pytest.mark.slow
def test_a_sweep_trains_every_trial_once_and_says_which_is_best(own_store: Path) -> None:
    definition = defined()
    board = begun(definition)
    rows = work(board, definition).work()
    assert [(row.number, row.state, row.value) for row in rows] == [
        (0, "finished", 0.1), (1, "finished", 0.2), (2, "finished", 0.3), (3, "finished", 0.4),
    ]  # fmt: skip
    run = MlflowClient().get_run(board.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.metrics["best_val_accuracy"] == 0.4
    assert run.data.metrics["best_trial"] == 3
    artifacts = Path(run.info.artifact_uri.removeprefix("file://"))
    table = list(csv.DictReader((artifacts / "trials.csv").open()))
    assert [row[RATE] for row in table] == ["0.1", "0.2", "0.3", "0.4"]
    assert (artifacts / "figures/sweep.png").stat().st_size > 5000
    again = work(SweepBoard.open(board.run_id), definition, no_training).work()
    assert again == rows


def no_training(*_: Any) -> TrialEnd:
    raise AssertionError("there is nothing left to train")


@pytest.mark.slow
def test_a_trial_that_fails_is_failed_and_the_sweep_goes_on(own_store: Path) -> None:
    def run(job: TrialJob, folder: Path, alive: Callable[[], None]) -> TrialEnd:
        if job.number == 3:
            return TrialEnd(code=-9, error="its process was killed by SIGKILL")
        return pretend(job, folder, alive)

    definition = defined()
    board = begun(definition)
    rows = work(board, definition, run).work()
    assert [row.state for row in rows] == ["finished"] * 3 + ["failed"]
    assert rows[3].failure == "its process was killed by SIGKILL"
    failed = MlflowClient().get_run(rows[3].run_id or "")
    assert failed.info.status == "FAILED"
    assert failed.data.tags["mlflow.parentRunId"] == board.run_id
    assert MlflowClient().get_run(board.run_id).data.metrics["best_trial"] == 2


@pytest.mark.slow
def test_an_interrupted_sweep_goes_on_with_the_trial_that_was_in_work(
    own_store: Path, tmp_path: Path
) -> None:
    jobs: list[TrialJob] = []
    left = tmp_path / "elsewhere/.parnet-zoo/runs/1"
    left.mkdir(parents=True)
    (left / "journal.jsonl").touch()

    def interrupted(job: TrialJob, folder: Path, alive: Callable[[], None]) -> TrialEnd:
        if job.number < 2:
            return pretend(job, folder, alive)
        client = MlflowClient()
        tags = {
            "mlflow.parentRunId": job.parent_run_id,
            "parnet_zoo.trial": "2",
            "parnet_zoo.directory": str(left),
        }
        run = client.create_run(board.experiment_id, tags=tags)
        client.set_terminated(run.info.run_id, "KILLED")
        raise KeyboardInterrupt

    def resumed(job: TrialJob, folder: Path, alive: Callable[[], None]) -> TrialEnd:
        jobs.append(job)
        folders.append(folder)
        return pretend(job, folder, alive)

    folders: list[Path] = []
    definition = defined()
    board = begun(definition)
    with pytest.raises(KeyboardInterrupt):
        work(board, definition, interrupted).work()
    board.leave()
    client = MlflowClient()
    assert client.get_run(board.run_id).info.status == "KILLED"
    second = SweepBoard.open(board.run_id)
    second.beat()
    rows = work(second, SweepDefinition.from_json(second.definition()), resumed).work()
    assert [job.number for job in jobs] == [2, 3]
    assert jobs[0].run_id is not None
    assert folders == [tmp_path / "elsewhere", tmp_path]
    assert [row.value for row in rows] == [0.1, 0.2, 0.3, 0.4]
    assert client.get_run(board.run_id).info.status == "FINISHED"


def test_one_process_of_several_gets_a_trial(own_store: Path) -> None:
    first = begun(defined())
    second = SweepBoard.open(first.run_id)
    assert first.claim(0, 1, {"epochs": 1})
    assert not second.claim(0, 1, {"epochs": 1})
    assert second.claim(1, 1, {"epochs": 1})
    assert second.standing().claims[0].worker == first.worker.name


def test_the_last_sweep_of_a_folder_is_gone_on_with(own_store: Path, tmp_path: Path) -> None:
    boards = [begun(defined()) for _ in range(3)]
    for board, folder in zip(boards, (tmp_path, tmp_path, tmp_path / "other"), strict=True):
        board.set_tags({FOLDER_TAG: str(folder)})
    assert last_sweep(tmp_path) == boards[1].run_id
    boards[1].finish()
    assert last_sweep(tmp_path) == boards[0].run_id
    boards[0].finish()
    assert last_sweep(tmp_path) is None
    with pytest.raises(UsageError, match="no sweep that was begun in"):
        join_sweep()


def test_what_is_no_sweep_is_not_joined(own_store: Path) -> None:
    board = begun(defined())
    child = MlflowClient().create_run(
        board.experiment_id, tags={"mlflow.parentRunId": board.run_id}
    )
    with pytest.raises(UsageError, match=f"it is a trial of the sweep {board.run_id}"):
        SweepBoard.open(child.info.run_id)
    with pytest.raises(UsageError, match="there is no sweep nothing"):
        SweepBoard.open("nothing")


def test_a_process_of_another_host_is_gone_when_it_has_been_silent_for_long() -> None:
    clock = [0.0]
    watch = Watch(clock=lambda: clock[0])
    here = Host.here()
    there = Worker("a", f"elsewhere/{here.machine}/{here.boot}/{here.processes}", "1 2", beat=1)

    def gone(worker: Worker) -> bool:
        return "a" in watch.gone({WORKER_TAG + "a": worker.to_tag()})

    def passed(seconds: float, worker: Worker) -> bool:
        for _ in range(int(seconds / 30)):
            clock[0] += 30
            found = gone(worker)
        return found

    assert not gone(there)
    assert not passed(LEASE_SECONDS - 30, there)
    later = Worker("a", there.host, "1 2", beat=2)
    assert not passed(LEASE_SECONDS - 30, later)
    assert passed(90, later)
    # An outage of the store, in which nobody could say that he lives
    clock[0] += 10 * LEASE_SECONDS
    assert not gone(later)
    assert passed(LEASE_SECONDS + 60, later)
    assert gone(Worker("a", there.host, "1 2", beat=-1))


def test_a_process_of_this_host_is_gone_when_it_is() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    host = str(Host.here())
    tags = {
        WORKER_TAG + "dead": Worker("dead", host, str(process.pid)).to_tag(),
        WORKER_TAG + "alive": Worker.here().to_tag(),
        WORKER_TAG + "rubbish": "[",
    }
    assert Watch().gone(tags) == {"dead"}


@pytest.mark.slow
def test_processes_share_a_sweep_and_the_trial_of_a_killed_one_is_given_back(
    own_store: Path,
) -> None:
    rates = ",".join(f"0.{number:02d}" for number in range(1, 13))
    definition = defined(f"{RATE}={rates}", trials=12)
    board = begun(definition)
    board.leave()
    command = [sys.executable, "-m", "tests.sweep_worker", board.run_id, "1"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    workers = [subprocess.Popen(command, env=environment) for _ in range(3)]
    while len(SweepBoard.open(board.run_id).standing().children) < 5:
        time.sleep(0.2)
    workers[0].send_signal(signal.SIGKILL)
    assert workers[0].wait() == -signal.SIGKILL
    assert [worker.wait(120) for worker in workers[1:]] == [0, 0]
    standing = SweepBoard.open(board.run_id).standing()
    assert standing.status == "FINISHED"
    assert {n: child.status for n, child in standing.children.items()} == dict.fromkeys(
        range(12), "FINISHED"
    )
    runs = MlflowClient().search_runs(
        [board.experiment_id], f"tags.`mlflow.parentRunId` = '{board.run_id}'"
    )
    finished = Counter(
        run.data.tags["parnet_zoo.trial"] for run in runs if run.info.status == "FINISHED"
    )
    assert set(finished.values()) == {1}
    assert len({claim.worker for claim in standing.claims.values()}) >= 2


def test_settings_of_a_combination_are_read_back_as_they_are() -> None:
    values: Values = {"progressive": [{"until": 0.5, "resolution": 16}], "description": "a: b, 'c'"}
    again = load_recipe(REPOSITORY / "recipes/quickstart.yaml", as_settings(values)).recipe
    assert again.description == "a: b, 'c'"
    assert again.progressive[0].resolution == 16
