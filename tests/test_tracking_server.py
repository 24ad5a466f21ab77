"""A real MLflow server that is killed in the middle of a run, and comes back."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from parnet_zoo.errors import TrackingError
from parnet_zoo.tracking.run import TrackedRun
from parnet_zoo.tracking.stale import mark_dead_runs
from parnet_zoo.tracking.store import connect, open_client
from tests.mlflow_server import Server

pytestmark = pytest.mark.slow


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in [n for n in os.environ if n.startswith("MLFLOW_")]:
        monkeypatch.delenv(name)
    server = Server(tmp_path / "server")
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    server.start()
    yield server
    server.kill()


def history(run: TrackedRun, name: str) -> list[tuple[int, float]]:
    return [(m.step, m.value) for m in open_client().get_metric_history(run.run_id, name)]


def start() -> TrackedRun:
    return TrackedRun.start(
        experiment="digits", name="a", directory=Path("run"), params={"seed": 1}, tags={}
    )


def test_a_server_that_is_killed_and_comes_back_gets_everything_once_and_in_order(
    server: Server, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.WARNING), start() as run:
        for epoch in range(1, 10):
            run.log_metrics({"loss": 1 / epoch, "val_loss": 2 / epoch}, step=epoch)
            if epoch == 2:
                assert run.flush()
                server.kill()
            if epoch == 4:
                run.log_text("written in the outage", "note.txt")
                assert not run.flush(3)
                server.start()
            if epoch == 6:
                server.kill()  # perhaps in the midst of the delivery
                server.start()
    assert run.undelivered == 0
    assert history(run, "loss") == [(epoch, 1 / epoch) for epoch in range(1, 10)]
    assert history(run, "val_loss") == [(epoch, 2 / epoch) for epoch in range(1, 10)]
    stored = open_client().get_run(run.run_id)
    assert stored.info.status == "FINISHED"
    assert stored.data.params == {"seed": "1"}
    note = Path(open_client().download_artifacts(run.run_id, "note.txt"))
    assert note.read_text() == "written in the outage"
    warnings = {
        # it depends on the moment of the kill what the delivery sees of it
        f"the MLflow server at {server.uri} does not answer ({reason}); "
        "the run goes on, and what it logs waits in run/journal.jsonl"
        for reason in ("connection refused", "the connection broke")
    }
    assert set(caplog.messages) <= warnings
    assert caplog.messages
    assert len(caplog.messages) <= 2  # one an outage
    assert capfd.readouterr().out == ""


def test_a_server_that_stays_away_does_not_keep_the_run_from_ending(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        run = start()
        assert run.flush()
        server.kill()
        run.log_metrics({"loss": 0.5}, step=1)
        with pytest.raises(KeyboardInterrupt), run:
            raise KeyboardInterrupt
    assert run.undelivered == 2
    assert caplog.messages[-1] == (
        f"2 entries of run {run.run_id} did not reach {server.uri}; "
        "what is missing is kept in run/journal.jsonl, until `parnet-zoo sync` delivers it"
    )
    with pytest.raises(TrackingError, match="does not answer"):
        mark_dead_runs()
    server.start()
    assert TrackedRun.deliver(Path("run")) == 0
    assert history(run, "loss") == [(1, 0.5)]
    assert open_client().get_run(run.run_id).info.status == "KILLED"
    with TrackedRun.resume(Path("run")) as again:
        again.log_metrics({"loss": 0.4}, step=2)
    assert history(run, "loss") == [(1, 0.5), (2, 0.4)]
    assert open_client().get_run(run.run_id).info.status == "FINISHED"


def test_experiments_of_a_server(server: Server) -> None:
    number = connect("digits")
    assert connect("digits") == number
    open_client().delete_experiment(number)
    with pytest.raises(TrackingError, match="was deleted in http"):
        connect("digits")
    with pytest.raises(TrackingError, match=f"the tracking store {server.uri} refuses"):
        connect("x" * 600)
