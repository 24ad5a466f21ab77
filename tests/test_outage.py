"""An MLflow server that comes and goes: what it has in the end is as if it had never been away."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest
from mlflow import MlflowClient

from tests.conftest import PROGRAMS, Done, user_environment
from tests.mlflow_server import Server
from tests.test_cli import write_pictures

pytestmark = pytest.mark.slow

RECIPE = """\
name: NAME
epochs: 8
batch_size: 8
precision: float32
deterministic: true
model: {name: parnet_test, resolution: 32}
data: {root: pictures, validation: 0.25}
checkpoints: {every_epochs: 2, keep: 2, best: true, last: true}
"""
CLOCKS = ("images_per_second", "cpu_seconds", "latency", "served_images_per_second", "gpu")
"""What no two runs have in common, by the beginnings of the names."""
SEED = int(os.environ.get("PARNET_ZOO_KILL_SEED", "0"))


@dataclass(frozen=True)
class Everything:
    """What MLflow has of a training."""

    status: str
    params: dict[str, str]
    tags: frozenset[str]
    metrics: dict[str, list[tuple[int, float | None]]]
    artifacts: frozenset[str]
    datasets: int
    models: list[tuple[str, str]]
    outputs: int
    versions: list[str]
    aliases: list[str]


def everything(uri: str, name: str) -> Everything:
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name(name)
    assert experiment is not None
    [run] = client.search_runs([experiment.experiment_id])
    run_id = run.info.run_id
    models = client.search_logged_models([experiment.experiment_id])
    outputs = [output.model_id for output in run.outputs.model_outputs]
    assert len(outputs) == len(set(outputs))
    registered = client.get_registered_model(name)
    return Everything(
        status=run.info.status,
        params={key: value for key, value in run.data.params.items() if value != name},
        tags=frozenset(run.data.tags),
        metrics={key: points(client, run_id, key) for key in run.data.metrics if is_ours(key)},
        artifacts=frozenset(paths(client, run_id, None)),
        datasets=len(run.inputs.dataset_inputs),
        models=sorted((m.name.replace(name, "NAME"), str(m.status)) for m in models),
        outputs=len(outputs),
        versions=[v.version for v in client.search_model_versions(f"name = '{name}'")],
        aliases=sorted(registered.aliases),
    )


def is_ours(metric: str) -> bool:
    return not metric.startswith("system/")


def points(client: MlflowClient, run_id: str, key: str) -> list[tuple[int, float | None]]:
    clock = key.startswith(CLOCKS)
    history = client.get_metric_history(run_id, key)
    return [(point.step, None if clock else point.value) for point in history]


def paths(client: MlflowClient, run_id: str, folder: str | None) -> Iterator[str]:
    for item in client.list_artifacts(run_id, folder):
        if item.is_dir:
            yield from paths(client, run_id, item.path)
        else:
            yield item.path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("outage") / "server")
    server.start()
    yield server
    server.kill()


def folder_for(parent: Path, name: str) -> Path:
    parent.mkdir(exist_ok=True)
    (parent / f"{name}.yaml").write_text(RECIPE.replace("NAME", name))
    write_pictures(parent / "pictures", {"train/a": 24, "train/bbbbb": 24})
    return parent


class Store(Protocol):
    """Something with an address."""

    uri: str


def begin(folder: Path, server: Store, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(PROGRAMS / "parnet-zoo"), *arguments],
        cwd=folder,
        env={**user_environment(), "MLFLOW_TRACKING_URI": server.uri},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(folder: Path, process: subprocess.Popen[str]) -> Done:
    try:
        stdout, stderr = process.communicate(timeout=400)
    finally:
        process.kill()
    return Done(folder, process.returncode, stdout, stderr)


@pytest.fixture(scope="module")
def undisturbed(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Everything:
    folder = folder_for(tmp_path_factory.mktemp("undisturbed"), "undisturbed")
    done = end(folder, begin(folder, server, "train", "undisturbed.yaml"))
    assert done.code == 0, done.stderr
    return everything(server.uri, "undisturbed")


def test_a_server_that_is_killed_all_the_time_has_everything_once_in_the_end(
    server: Server, undisturbed: Everything, tmp_path: Path
) -> None:
    folder = folder_for(tmp_path, "shaken")
    process = begin(folder, server, "train", "shaken.yaml")
    while not list(folder.glob(".parnet-zoo/runs/*/delivered.json")) and process.poll() is None:
        time.sleep(0.05)
    with server.coming_and_going(SEED) as kills:
        done = end(folder, process)
    assert len(kills) > 1
    assert done.code in (0, 4), done.stderr
    assert "Traceback" not in done.stderr
    synced = end(folder, begin(folder, server, "sync"))
    assert synced.code == 0, done.stderr + synced.stderr
    assert everything(server.uri, "shaken") == undisturbed
    assert not list(folder.glob(".parnet-zoo/runs/*"))


def test_trainer_and_server_killed_together_again_and_again_lose_nothing(
    server: Server, undisturbed: Everything, tmp_path: Path
) -> None:
    folder = folder_for(tmp_path, "struck")
    dice = random.Random(SEED)  # noqa: S311 - it only picks moments
    process = begin(folder, server, "train", "struck.yaml")
    while not list(folder.glob(".parnet-zoo/runs/*/checkpoints/0*")) and process.poll() is None:
        time.sleep(0.01)
    for arguments in (("resume",), ("resume",), ("resume", "--json")):
        time.sleep(dice.uniform(0.0, 3.0))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        server.kill()
        process.communicate(timeout=60)
        server.start()
        process = begin(folder, server, *arguments)
        wait_for_training(folder, process)
    done = end(folder, process)
    assert done.code == 0, done.stderr
    assert everything(server.uri, "struck") == undisturbed
    assert not list(folder.glob(".parnet-zoo/runs/*"))


def wait_for_training(folder: Path, process: subprocess.Popen[str]) -> None:
    """Until a process has taken up the run, or come to its end."""
    [journal] = folder.glob(".parnet-zoo/runs/*/journal.jsonl")
    size = journal.stat().st_size
    while process.poll() is None and journal.exists() and journal.stat().st_size == size:
        time.sleep(0.05)


def test_a_server_that_dies_while_an_offline_run_is_synced_has_one_run_and_one_version(
    server: Server, undisturbed: Everything, tmp_path: Path
) -> None:
    folder = folder_for(tmp_path, "late")
    done = end(folder, begin(folder, server, "train", "late.yaml", "--offline"))
    assert done.code == 0, done.stderr
    with server.coming_and_going(SEED + 1):
        first = end(folder, begin(folder, server, "sync", "--quiet"))
    assert first.code in (0, 4), first.stderr
    synced = end(folder, begin(folder, server, "sync", "--json"))
    assert synced.code == 0, synced.stderr
    assert everything(server.uri, "late") == undisturbed
