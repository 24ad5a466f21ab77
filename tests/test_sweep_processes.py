"""A sweep of real trainings that is killed, and gone on with by another process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
from mlflow import MlflowClient

from parnet_zoo.tracking.sweep_siblings import SweepSiblings
from parnet_zoo.training.progress import Progress
from parnet_zoo.training.run import train
from parnet_zoo.training.sweeping.given_up import GivenUp
from parnet_zoo.training.trial import TrialOf, TrialPruned
from tests.conftest import PROGRAMS, user_environment
from tests.test_cli import write_pictures

RECIPE = """\
name: tiny
epochs: 2
batch_size: 4
precision: float32
save_every: 1s
model: {name: parnet_test, resolution: 32}
data: {validation: 0.2}
tracking: {system_metrics: false}
"""
RATE = "optimizer.learning_rate"
CHECKPOINT = ".parnet-zoo/runs/*/checkpoints/0*[1-9].checkpoint"


@pytest.mark.slow
def test_a_killed_sweep_goes_on_from_elsewhere_without_doing_anything_twice(
    tmp_path: Path,
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    # Long enough to be killed in the midst of its first epoch
    write_pictures(first / "pictures", {"train/a": 400, "train/b": 400, "test/a": 4, "test/b": 4})
    (first / "tiny.yaml").write_text(RECIPE)
    store = f"sqlite:///{tmp_path}/mlflow.db"
    environment = {**user_environment(), "MLFLOW_TRACKING_URI": store}
    program = str(PROGRAMS / "parnet-zoo")

    killed = subprocess.Popen(
        [program, "sweep", "tiny.yaml", "--data", "pictures", "--over", f"{RATE}=1e-3,1e-2"],
        cwd=first,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not any(first.glob(CHECKPOINT)):
        assert killed.poll() is None, killed.communicate()[1]
        time.sleep(0.05)
    os.kill(killed.pid, signal.SIGKILL)
    _, said = killed.communicate(timeout=120)  # also until the trial's process has ended
    sweep_id = said.partition("parnet-zoo sweep --join ")[2].split()[0]
    client = MlflowClient(tracking_uri=store)
    experiment = client.get_experiment_by_name("tiny")
    assert experiment is not None
    nested = f"tags.`mlflow.parentRunId` = '{sweep_id}'"
    [begun] = client.search_runs([experiment.experiment_id], nested)
    assert begun.info.status == "KILLED"

    joined = subprocess.run(
        [program, "sweep", "--join", sweep_id, "--data", str(first / "pictures"), "--promote",
         "--json"],
        cwd=second,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )  # fmt: skip
    assert joined.returncode == 0, joined.stderr
    result = json.loads(joined.stdout)
    assert [trial["state"] for trial in result["trials"]] == ["finished", "finished"]
    assert result["trials"][0]["run_id"] == begun.info.run_id
    runs = client.search_runs([experiment.experiment_id], nested)
    assert {run.info.run_id for run in runs} == {trial["run_id"] for trial in result["trials"]}
    for run in runs:
        assert run.info.status == "FINISHED"
        steps = Counter(p.step for p in client.get_metric_history(run.info.run_id, "val_loss"))
        assert steps == {1: 1, 2: 1}
    assert {run.data.params[RATE] for run in runs} == {"0.001", "0.01"}
    # Only the best is registered, and is champion by the rules
    [version] = client.search_model_versions("name = 'tiny'")
    assert version.run_id == result["best"]["run_id"]
    assert result["promotion"]["promoted"]
    assert client.get_model_version_by_alias("tiny", "champion").version == version.version
    assert client.get_run(sweep_id).info.status == "FINISHED"


@pytest.mark.slow
def test_a_trial_far_behind_the_others_is_given_up_and_has_ended_as_it_should(
    own_store: Path, tmp_path: Path
) -> None:
    write_pictures(tmp_path / "pictures", {"train/a": 20, "train/b": 20})
    (tmp_path / "tiny.yaml").write_text(RECIPE)
    client = MlflowClient()
    experiment = client.create_experiment("tiny")
    parent = client.create_run(experiment).info.run_id
    for number in range(1, 4):
        tags = {"mlflow.parentRunId": parent, "parnet_zoo.trial": str(number)}
        other = client.create_run(experiment, tags=tags).info.run_id
        client.log_metric(other, "val_accuracy", 2.0, step=1)  # nobody is as good as that
        client.log_metric(other, "best_val_accuracy", 2.0)
        client.set_terminated(other, "FINISHED")
    stops = GivenUp(
        SweepSiblings(parent, 0),
        metric="val_accuracy",
        maximise=True,
        epochs=2,
        progress=Progress(quiet=True),
    )
    with pytest.raises(TrialPruned, match="given up after epoch 1"):
        train("tiny.yaml", data="pictures", quiet=True, trial=TrialOf(parent, 0, stops))
    [run] = client.search_runs([experiment], "tags.`parnet_zoo.trial` = '0'")
    assert run.info.status == "FINISHED"
    assert run.data.tags["parnet_zoo.pruned"] == "1"
    assert run.data.tags["mlflow.parentRunId"] == parent
    assert [p.step for p in client.get_metric_history(run.info.run_id, "loss")] == [1]
    assert not client.search_registered_models()
    assert not list((tmp_path / ".parnet-zoo/runs").iterdir())
