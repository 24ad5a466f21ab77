"""Runs that were killed, stopped or starved, and go on as if nothing had happened."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from tests.conftest import CLOCKS, PROGRAMS, Done, parnet_zoo_command, user_environment
from tests.test_cli import write_pictures

pytestmark = pytest.mark.slow

RECIPE = """\
name: lost
epochs: 5
batch_size: 16
precision: float32
deterministic: true
ema: 0.9
save_every: 1s
model:
  name: parnet_test
  resolution: 32
  scaling: {dropout: 0.3}
data: {root: pictures, validation: 0.2}
augmentation: {rotation: 20, horizontal_flip: true, mixing: {mixup: 0.3}}
optimizer: {name: adamw, learning_rate: 2e-3, weight_decay: 0.02, accumulation: 2}
schedule: {name: cosine, warmup_epochs: 0.5}
early_stopping: {patience: 4}
tensorboard: true
"""
UNFINISHED = ".parnet-zoo/runs/*/checkpoints/unfinished-*"
CHECKPOINT = ".parnet-zoo/runs/*/checkpoints/0*.checkpoint"


@dataclass(frozen=True)
class Ended:
    """What a run has in MLflow at its end, but for its clocks."""

    status: str
    weights: str
    metrics: dict[str, list[tuple[int, float]]]


def a_folder(folder: Path) -> Path:
    (folder / "lost.yaml").write_text(RECIPE)
    write_pictures(folder / "pictures", {"train/a": 300, "train/b": 300, "test/a": 8, "test/b": 8})
    return folder


def ended(folder: Path, run_id: str) -> Ended:
    client = MlflowClient(tracking_uri=f"sqlite:///{folder}/mlflow.db")
    run = client.get_run(run_id)
    artifacts = Path(run.info.artifact_uri.removeprefix("file://"))
    weights = hashlib.sha256((artifacts / "weights/best.weights.h5").read_bytes()).hexdigest()
    own = {name for name in run.data.metrics if not name.startswith("system/")}
    names = sorted(own - CLOCKS)
    histories = {name: client.get_metric_history(run_id, name) for name in names}
    points = {name: [(m.step, m.value) for m in found] for name, found in histories.items()}
    return Ended(run.info.status, weights, points)


def status(folder: Path, run_id: str) -> str:
    client = MlflowClient(tracking_uri=f"sqlite:///{folder}/mlflow.db")
    return str(client.get_run(run_id).info.status)


@dataclass(frozen=True)
class BrokenOff:
    """A command that got a signal."""

    code: int
    stderr: str


def broken_off(
    folder: Path, *arguments: str, when: Callable[[], bool], number: int = signal.SIGKILL
) -> BrokenOff:
    """Run a command and send it a signal as soon as something is so."""
    process = subprocess.Popen(
        [str(PROGRAMS / "parnet-zoo"), *arguments],
        cwd=folder,
        env=user_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    while process.poll() is None and not when():
        time.sleep(0.0005)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=300)
    return BrokenOff(process.returncode, stderr)


def exists(folder: Path, pattern: str) -> Callable[[], bool]:
    return lambda: any(folder.glob(pattern))


def soon_after(condition: Callable[[], bool], seconds: float) -> Callable[[], bool]:
    """True some time after the condition has become so."""
    since: list[float] = []

    def holds() -> bool:
        if not since and condition():
            since.append(time.monotonic())
        return bool(since) and time.monotonic() - since[0] > seconds

    return holds


def run_id_in(folder: Path) -> str:
    journal = next(folder.glob(".parnet-zoo/runs/*/journal.jsonl"))
    entries = [json.loads(line) for line in journal.read_text().splitlines()]
    return str(next(entry["data"]["run_id"] for entry in entries if entry["kind"] == "created"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """A run that nobody disturbed."""
    folder = a_folder(tmp_path_factory.mktemp("whole"))
    done = parnet_zoo_command(folder, "train", "lost.yaml", "--json", "--quiet")
    assert done.code == 0, done.stderr
    return ended(folder, done.json["run_id"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return a_folder(tmp_path)


def go_on(folder: Path, *arguments: str) -> Done:
    return parnet_zoo_command(folder, "resume", "--json", *arguments)


def test_a_run_killed_anywhere_again_and_again_ends_as_one_that_was_left_alone(
    folder: Path, whole: Ended
) -> None:
    seed = int(os.environ.get("PARNET_ZOO_KILL_SEED", "0"))
    dice = random.Random(seed)  # noqa: S311 - it only picks moments
    in_training = soon_after(exists(folder, CHECKPOINT), dice.uniform(0.0, 4.0))
    assert broken_off(folder, "train", "lost.yaml", when=in_training).code == -signal.SIGKILL
    run_id = run_id_in(folder)
    assert broken_off(folder, "resume", when=exists(folder, UNFINISHED)).code == -signal.SIGKILL
    started = time.monotonic()
    at_random = dice.uniform(6.0, 16.0)
    broken_off(folder, "resume", when=lambda: time.monotonic() - started > at_random)
    done = go_on(folder)
    assert done.code == 0, done.stderr
    assert done.json["run_id"] == run_id
    assert ended(folder, run_id) == whole
    assert not list(folder.glob(".parnet-zoo/runs/*"))


def test_a_torn_checkpoint_is_named_and_the_one_before_it_is_used(
    folder: Path, whole: Ended
) -> None:
    def two() -> bool:
        return len(list(folder.glob(CHECKPOINT))) > 1

    broken_off(folder, "train", "lost.yaml", when=two)
    *_, last = sorted(folder.glob(CHECKPOINT))
    last.write_bytes(last.read_bytes()[:-1000])
    done = go_on(folder)
    assert done.code == 0, done.stderr
    assert f"{last} is torn or altered" in done.stderr
    assert "the checkpoint before it is used" in done.stderr
    assert ended(folder, done.json["run_id"]) == whole


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_whoever_stops_a_run_is_told_how_to_go_on_with_it(
    folder: Path, whole: Ended, number: int, code: int
) -> None:
    in_training = soon_after(exists(folder, CHECKPOINT), 0.5)
    stopped = broken_off(folder, "train", "lost.yaml", when=in_training, number=number)
    assert stopped.code == code
    run_id = run_id_in(folder)
    assert f"parnet-zoo resume {run_id}" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    assert status(folder, run_id) == "KILLED"
    done = go_on(folder, run_id)
    assert done.code == 0, done.stderr
    assert ended(folder, run_id) == whole
    again = go_on(folder, run_id)
    assert again.code == 0
    assert again.json["status"] == "FINISHED"
    assert again.json["model_uri"] == "models:/lost/1"
    plain = parnet_zoo_command(folder, "resume")
    assert plain.code == 0
    assert f"run {run_id} is finished already; it is models:/lost/1" in plain.stderr


def test_a_second_process_on_one_run_is_refused(folder: Path, whole: Ended) -> None:
    broken_off(folder, "train", "lost.yaml", when=exists(folder, CHECKPOINT))
    run_id = run_id_in(folder)
    first = subprocess.Popen(
        [str(PROGRAMS / "parnet-zoo"), "resume", "--quiet"], cwd=folder, env=user_environment()
    )
    mark = soon_after(lambda: status(folder, run_id) == "RUNNING", 1.0)
    while first.poll() is None and not mark():
        time.sleep(0.1)
    second = go_on(folder, run_id)
    assert second.code == 4, second.stderr
    assert "another process is working on the run" in second.stderr
    without_id = go_on(folder)
    assert without_id.code == 2
    assert f"another process is working on run {run_id}" in without_id.stderr
    assert first.wait(timeout=300) == 0
    assert ended(folder, run_id) == whole


def test_a_full_disk_costs_neither_the_run_nor_its_last_checkpoint(
    folder: Path, whole: Ended
) -> None:
    """A limit on the size of files stands in for the disk: it fails in the same place."""
    broken_off(folder, "train", "lost.yaml", when=exists(folder, CHECKPOINT))
    size = min(path.stat().st_size for path in folder.glob(CHECKPOINT))
    program = str(PROGRAMS / "parnet-zoo")
    limited = f"ulimit -f {size // 2 // 1024}; exec {program} resume"
    full = subprocess.run(
        ["bash", "-c", limited],
        cwd=folder,
        env=user_environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert full.returncode == 1, full.stderr
    assert "no checkpoint could be written" in full.stderr
    assert "Traceback" not in full.stderr
    done = go_on(folder)
    assert done.code == 0, done.stderr
    assert ended(folder, done.json["run_id"]) == whole


def test_a_run_that_was_killed_while_it_was_judged_registers_one_version(
    folder: Path, whole: Ended
) -> None:
    packed = exists(folder, ".parnet-zoo/runs/*/model/model.onnx")
    broken_off(folder, "train", "lost.yaml", when=packed)
    published = exists(folder, ".parnet-zoo/runs/*/publication.json")
    broken_off(folder, "resume", when=soon_after(published, 2.0))
    done = go_on(folder)
    if done.code == 0 and "model_version" in done.json:
        assert done.json["model_version"] == 1
    client: Any = MlflowClient(tracking_uri=f"sqlite:///{folder}/mlflow.db")
    assert len(client.search_model_versions("name = 'lost'")) == 1
    [version] = client.search_model_versions("name = 'lost'")
    assert ended(folder, version.run_id) == whole


def test_images_that_have_changed_are_not_gone_on_with(folder: Path) -> None:
    broken_off(folder, "train", "lost.yaml", when=exists(folder, CHECKPOINT))
    next(folder.glob("pictures/train/a/*")).unlink()
    done = go_on(folder)
    assert done.code == 3
    assert "have changed since the run began" in done.stderr


def test_a_run_goes_on_with_the_recipe_that_it_began_with_only(folder: Path) -> None:
    broken_off(folder, "train", "lost.yaml", when=exists(folder, CHECKPOINT))
    [recipe] = folder.glob(".parnet-zoo/runs/*/recipe.yaml")
    recipe.write_text(recipe.read_text().replace("epochs: 5", "epochs: 6"))
    done = go_on(folder)
    assert done.code == 2
    assert f"{recipe} has changed since the run began" in done.stderr


def test_where_no_run_was_broken_off_it_says_so(tmp_path: Path) -> None:
    done = go_on(tmp_path)
    assert done.code == 2
    assert "no run was broken off" in done.stderr
    unknown = go_on(tmp_path, "0123456789abcdef0123456789abcdef")
    assert unknown.code == 2
    assert "there is nothing of a run 0123456789abcdef0123456789abcdef" in unknown.stderr
