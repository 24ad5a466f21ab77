"""A run whose process was killed outright does not stay RUNNING for ever."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from parnet_zoo.errors import TrackingError
from parnet_zoo.tracking.process import Host, is_gone, process_identity
from parnet_zoo.tracking.run import HOST_TAG, PROCESS_TAG, TrackedRun
from parnet_zoo.tracking.stale import mark_dead_runs
from parnet_zoo.tracking.store import connect, open_client

pytestmark = pytest.mark.usefixtures("own_store")

TRAINER = """
import sys, time
from pathlib import Path
from parnet_zoo.tracking.run import TrackedRun
run = TrackedRun.start(
    experiment="digits", name="a", directory=Path(sys.argv[1]), params={}, tags={}
)
run.log_metrics({"loss": 0.5}, step=1)
run.flush()
print(run.run_id, flush=True)
sys.stdin.readline()
"""
GONE = "999999999 1"


@contextmanager
def trainer(directory: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process with a run, and the run's id."""
    with subprocess.Popen(
        [sys.executable, "-c", TRAINER, directory],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def running(host: object, process: str) -> str:
    """A run that says it belongs to this process of this host."""
    tags = {HOST_TAG: str(host), PROCESS_TAG: process}
    return str(open_client().create_run(connect("digits"), tags=tags).info.run_id)


def status(run_id: str) -> str:
    return str(open_client().get_run(run_id).info.status)


@pytest.mark.slow
def test_a_killed_run_is_marked_and_a_living_one_left_alone() -> None:
    with trainer("a") as (killed, killed_id), trainer("b") as (_, living_id):
        killed.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, killed.pid, os.WEXITED | os.WNOWAIT)  # a zombie is dead too
        assert status(killed_id) == "RUNNING"
        assert mark_dead_runs() == [killed_id]
        assert status(killed_id) == "KILLED"
        assert status(living_id) == "RUNNING"
        assert mark_dead_runs() == []
    assert mark_dead_runs() == [living_id]
    assert open_client().get_run(killed_id).info.end_time is not None


@pytest.mark.slow
def test_a_killed_run_can_be_resumed_in_another_process() -> None:
    with trainer("a") as (killed, run_id):
        killed.kill()
    assert mark_dead_runs() == [run_id]
    with TrackedRun.resume(Path("a")) as run:
        run.log_metrics({"loss": 0.4}, step=2)
        assert run.flush()
        assert status(run_id) == "RUNNING"
        assert mark_dead_runs() == []
    points = open_client().get_metric_history(run_id, "loss")
    assert [(m.step, m.value) for m in points] == [(1, 0.5), (2, 0.4)]
    assert status(run_id) == "FINISHED"


def test_our_own_run_lives() -> None:
    with TrackedRun.start(
        experiment="digits", name="a", directory=Path("run"), params={}, tags={}
    ) as run:
        assert mark_dead_runs() == []
        assert status(run.run_id) == "RUNNING"


def test_the_process_id_of_a_dead_run_may_be_in_use_again() -> None:
    again = running(Host.here(), f"{os.getpid()} 1")
    assert mark_dead_runs() == [again]


@pytest.mark.parametrize(
    "change",
    [
        {"name": "another-host"},
        {"machine": "another"},
        {"processes": "a container on this host"},
        {"machine": "another", "boot": "another"},
    ],
)
def test_another_host_is_left_alone(change: dict[str, str]) -> None:
    elsewhere = running(replace(Host.here(), **change), GONE)
    assert mark_dead_runs() == []
    assert status(elsewhere) == "RUNNING"


def test_a_restart_of_the_machine_ended_all_its_processes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = replace(Host.here(), machine="installation-1")
    monkeypatch.setattr(Host, "here", lambda: here)
    before = running(replace(here, boot="yesterday"), f"{os.getpid()} 1")
    unknown = running(replace(here, boot="-"), GONE)
    assert mark_dead_runs() == [before]
    assert status(unknown) == "RUNNING"


@pytest.mark.parametrize("tags", [{}, {HOST_TAG: "a/b"}, {HOST_TAG: str(Host.here())}])
def test_runs_of_others_are_left_alone(tags: dict[str, str]) -> None:
    client = open_client()
    other = client.create_run(connect("digits"), tags=tags).info.run_id
    assert mark_dead_runs() == []
    assert status(other) == "RUNNING"


def test_runs_that_ended_are_left_alone() -> None:
    ended = running(Host.here(), GONE)
    open_client().set_terminated(ended, "FAILED")
    assert mark_dead_runs() == []
    assert status(ended) == "FAILED"


def test_a_store_that_does_not_exist_is_not_created() -> None:
    Path("mlflow.db").unlink()
    assert mark_dead_runs() == []
    assert not Path("mlflow.db").exists()


def test_a_store_that_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    with pytest.raises(TrackingError, match="does not answer"):
        mark_dead_runs()


def test_the_identity_of_a_process() -> None:
    mine = process_identity(os.getpid())
    assert mine is not None
    assert mine.split(" ")[0] == str(os.getpid())
    assert not is_gone(mine)
    assert not is_gone(str(os.getpid()))  # when its start could not be read
    assert process_identity(999_999_999) is None
    assert is_gone(GONE)
    assert not is_gone("what is this")
    assert not is_gone("")
    assert Host.parse(str(Host.here())) == Host.here()
    assert Host.parse("somebody") is None
