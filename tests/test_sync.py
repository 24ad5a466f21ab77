"""What waits in a run's folder, and how it comes to MLflow."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

import parnet_zoo
from parnet_zoo.cli import main
from parnet_zoo.errors import TrackingError, UsageError
from parnet_zoo.recipe import RecipeError
from parnet_zoo.tracking.journal import Entry, Journal
from parnet_zoo.tracking.left_behind import left_runs
from parnet_zoo.tracking.run import TrackedRun
from parnet_zoo.tracking.store import connect, open_client
from parnet_zoo.training import conductor, when_back
from parnet_zoo.training import publish as publishing
from parnet_zoo.training.sync import SyncReport, sync
from parnet_zoo.training.sync_run import SyncedRun
from tests.mlflow_server import Server
from tests.test_cli import write_pictures
from tests.test_train import TINY

RUNS = Path(".parnet-zoo/runs")
NOWHERE = "http://127.0.0.1:9"


def start(name: str = "one", **changes: Any) -> TrackedRun:
    arguments: dict[str, Any] = {
        "experiment": "digits",
        "name": name,
        "directory": RUNS / name,
        "params": {"seed": 1},
        "tags": {"a": "b"},
        "offline": True,
    }
    return TrackedRun.start(**(arguments | changes))


def the_runs() -> list[Any]:
    return list(open_client().search_runs([connect("digits")]))


def the_one(report: SyncReport) -> SyncedRun:
    [run] = report.runs
    return run


def lines(journal: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in journal.read_text().splitlines()]


@pytest.mark.usefixtures("own_store")
class TestAnOfflineRun:
    """Everything waits in its folder, and is in MLflow afterwards as if it had been there."""

    def test_asks_no_store(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def ask(*_: object, **__: object) -> None:
            raise AssertionError("the store was asked")

        for place in ("run.open_client", "run.connect", "run.create_run", "run.check_reachable"):
            monkeypatch.setattr(f"parnet_zoo.tracking.{place}", ask)
        with start() as run:
            run.log_metrics({"loss": 0.5}, step=1)
            run.log_text("a", "a.txt")
            assert not run.flush(0.1)
        with TrackedRun.resume(RUNS / "one", offline=True) as again:
            assert again.run_id == run.run_id == run.local_id
            again.log_metrics({"loss": 0.4, "val_loss": 1.0}, step=1)
        [left] = left_runs(RUNS)
        assert (left.run_id, left.local_id, left.status) == (run.run_id, run.run_id, "FINISHED")

    def test_is_created_with_its_own_beginning_and_end(self) -> None:
        with start() as run:
            run.log_metrics({"loss": 0.5}, step=1)
            run.log_metrics({"loss": 0.25}, step=2)
            run.log_text("a", "data/a.txt")
        written = lines(RUNS / "one" / "journal.jsonl")
        report = sync()
        assert report.complete
        synced = the_one(report)
        assert (synced.outcome, synced.status, synced.left) == ("synced", "FINISHED", ())
        assert synced.delivered["metrics"] == 2
        [stored] = the_runs()
        assert stored.info.run_id == synced.run_id
        assert stored.info.run_name == "one"
        assert stored.info.status == "FINISHED"
        assert stored.info.start_time == written[0]["data"]["time"]
        assert stored.info.end_time == written[-1]["data"]["time"]
        assert stored.data.params == {"seed": "1"}
        assert stored.data.tags["a"] == "b"
        assert stored.data.tags["parnet_zoo.local_id"] == run.local_id
        history = open_client().get_metric_history(synced.run_id, "loss")
        assert [(point.step, point.value) for point in history] == [(1, 0.5), (2, 0.25)]
        assert not (RUNS / "one").exists()
        assert sync() == SyncReport(runs=(), complete=True)

    def test_is_there_once_although_a_crash_came_between_its_creation_and_the_note_of_it(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with start():
            pass
        append = Journal.append

        def crash(journal: Journal, kind: str, data: dict[str, Any]) -> Entry:
            if kind == "created":
                raise SystemExit(9)
            return append(journal, kind, data)

        with monkeypatch.context() as patched:
            patched.setattr(Journal, "append", crash)
            with pytest.raises(SystemExit):
                sync()
        [before] = the_runs()
        assert the_one(sync()).run_id == before.info.run_id
        assert [run.info.status for run in the_runs()] == ["FINISHED"]

    def test_goes_to_the_store_that_is_named_when_it_is_synced_and_to_no_other_then(
        self, own_store: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = f"sqlite:///{shutil.copy(own_store, own_store.with_name('other.db'))}"
        with start():
            pass
        monkeypatch.setenv("MLFLOW_TRACKING_URI", NOWHERE)
        report = sync()
        assert not report.complete
        assert the_one(report).reason.startswith(f"the MLflow server at {NOWHERE} does not answer")
        monkeypatch.setenv("MLFLOW_TRACKING_URI", other)
        assert sync().complete
        [stored] = MlflowClient(other).search_runs([connect("digits", other)])
        assert stored.info.status == "FINISHED"
        monkeypatch.delenv("MLFLOW_TRACKING_URI")
        assert open_client().get_experiment_by_name("digits") is None

    def test_can_go_on_online_and_one_that_began_online_offline(self) -> None:
        with pytest.raises(KeyboardInterrupt), start():
            raise KeyboardInterrupt
        with TrackedRun.resume(RUNS / "one") as online:
            online.log_metrics({"loss": 0.5}, step=1)
            assert online.flush()
            assert online.run_id != online.local_id
        with TrackedRun.resume(RUNS / "one", offline=True) as offline:
            assert offline.run_id == online.run_id
            offline.log_metrics({"loss": 0.4}, step=2)
        assert TrackedRun.deliver(RUNS / "one") == 0
        [stored] = the_runs()
        assert stored.info.status == "FINISHED"
        history = open_client().get_metric_history(stored.info.run_id, "loss")
        assert [point.step for point in history] == [1, 2]


@pytest.mark.usefixtures("own_store")
class TestWhichRuns:
    """Those of this folder on which nobody is working."""

    def test_a_run_in_work_is_named_and_left_alone(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with start() as run:
            report = sync()
            assert the_one(report).outcome == "in_work"
            assert report.complete
            assert not sync(run.run_id).complete
            assert "left alone, another process is working on it" in capsys.readouterr().err
        assert the_runs() == []

    def test_one_can_be_named_by_its_id_or_its_folder(self) -> None:
        for name in ("one", "two", "three"):
            with start(name) as run:
                pass
        assert the_one(sync(run.local_id)).local_id == run.local_id
        assert the_one(sync(str(RUNS / "two"))).directory == str((RUNS / "two").resolve())
        assert len(sync().runs) == 1
        with pytest.raises(UsageError, match="there is nothing of a run two"):
            sync("two")

    def test_one_whose_process_was_killed_is_killed_when_it_was_last_heard_of(self) -> None:
        run = start(offline=False)
        run.log_metrics({"loss": 0.5}, step=1)
        run._deliver_rest(20)  # the process ends without a word
        heard = (RUNS / "one" / "journal.jsonl").stat().st_mtime_ns // 1_000_000
        report = sync()
        assert report.complete
        assert the_one(report).status == "KILLED"
        [stored] = the_runs()
        assert (stored.info.status, stored.info.end_time) == ("KILLED", heard)
        assert (RUNS / "one").exists()  # it can be gone on with

    def test_a_damaged_one_does_not_hold_up_the_others(self) -> None:
        with start("bad"):
            pass
        journal = RUNS / "bad" / "journal.jsonl"
        journal.write_text(journal.read_text().replace('"params": {"params"', '"params": {"p"', 1))
        journal.write_text(journal.read_text().replace('"data": {"params"', '"data": {"p"', 1))
        with start("good"):
            pass
        report = sync()
        assert not report.complete
        bad, good = report.runs
        assert (bad.outcome, good.outcome) == ("left", "synced")
        assert "journal.jsonl is damaged in line 2 (params" in bad.reason

    def test_what_mlflow_refuses_is_left_with_its_reason(self) -> None:
        with start():
            pass
        with Journal(RUNS / "one" / "journal.jsonl") as journal:
            journal.append("params", {"params": {"seed": "2"}})
        report = sync()
        assert not report.complete
        [left] = the_one(report).left
        assert (left.line, left.kind) == (5, "params")
        assert "Changing param" in left.reason
        assert (RUNS / "one").exists()


@pytest.mark.usefixtures("own_store")
class TestTheCommand:
    """Its words and its exit codes."""

    @pytest.mark.parametrize(
        ("arguments", "code"),
        [([], 0), (["--all"], 0), (["nowhere"], 2), (["nowhere", "--all"], 2)],
    )
    def test_where_nothing_is_left(
        self, arguments: list[str], code: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sys.argv", ["parnet-zoo", "sync", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        assert caught.value.code == code

    def test_json_says_what_was_delivered_and_what_is_left(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with start():
            pass
        monkeypatch.setenv("MLFLOW_TRACKING_URI", NOWHERE)
        monkeypatch.setattr("sys.argv", ["parnet-zoo", "sync", "--json"])
        with pytest.raises(SystemExit) as caught:
            main()
        assert caught.value.code == 4
        said = json.loads(capsys.readouterr().out)
        assert said["complete"] is False
        assert said["runs"][0]["outcome"] == "left"

    def test_weights_in_mlflow_are_not_to_be_had_offline(self) -> None:
        Path("tiny.yaml").write_text(TINY)
        write_pictures(Path("pictures"), {"train/a": 12, "train/bbbbb": 12})
        with pytest.raises(RecipeError, match="is in MLflow, which is not asked offline"):
            parnet_zoo.train("tiny.yaml", offline=True, weights="models:/tiny/1", quiet=True)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_store: Path) -> Iterator[Server]:
    own_store.unlink()
    (tmp_path / "tiny.yaml").write_text(TINY)
    write_pictures(tmp_path / "pictures", {"train/a": 12, "train/bbbbb": 12})
    server = Server(tmp_path / "server")
    server.start()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    yield server
    server.kill()


@pytest.mark.slow
def test_a_trained_network_is_not_lost_and_is_registered_when_the_store_is_back(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill_then_publish(*arguments: Any) -> Any:
        server.kill()
        return publishing.publish(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(conductor, "publish", kill_then_publish)
        patched.setattr(when_back, "SECONDS_TO_WAIT", 2.0)
        patched.setattr(publishing, "_DELIVERY_SECONDS", 1.0)
        patched.setattr("parnet_zoo.tracking.run._PATIENCE_SECONDS", 2.0)
        with pytest.raises(TrackingError, match="trained but not registered") as caught:
            parnet_zoo.train("tiny.yaml", epochs=1, quiet=True)
    [left] = left_runs(RUNS)
    assert f"parnet-zoo sync {left.run_id}" in str(caught.value)
    assert left.status == "FAILED"
    ended = lines(left.directory / "journal.jsonl")[-1]["data"]["time"]
    server.start()
    synced = the_one(sync(left.run_id, quiet=True))
    assert (synced.model_uri, synced.alias) == ("models:/tiny/1", "champion")
    client = MlflowClient(tracking_uri=server.uri)
    run = client.get_run(str(client.get_model_version("tiny", "1").run_id))
    assert run.info.status == "FINISHED"
    assert run.info.end_time == ended
    assert "parnet_zoo.failure" not in run.data.tags
    assert run.data.metrics["best_epoch"] == 1
    picture = tmp_path / "pictures" / "train" / "a" / "0.png"
    assert parnet_zoo.load("models:/tiny/1").predict([picture])[0]["label"] in {"a", "bbbbb"}
    assert not left.directory.exists()


@pytest.mark.slow
def test_a_version_that_was_trained_offline_is_compared_with_the_champion_when_it_is_synced(
    server: Server,
) -> None:
    first = parnet_zoo.train("tiny.yaml", epochs=1, quiet=True)
    assert first.alias == "champion"
    server.kill()
    rule = ["register.promote=if_better"]
    trained = parnet_zoo.train("tiny.yaml", epochs=1, overrides=rule, offline=True, quiet=True)
    assert (trained.model_version, trained.alias) == (None, None)
    picture = next(Path("pictures/train/a").iterdir())
    assert parnet_zoo.load(trained.model_uri).predict([picture])
    server.start()
    synced = the_one(sync(quiet=True))
    assert synced.model_uri == "models:/tiny/2"
    tags = MlflowClient(server.uri).get_model_version("tiny", "2").tags
    assert "parnet_zoo.promotion.champion_accuracy" in tags
    ended = parnet_zoo.resume(trained.run_id, quiet=True)
    assert ended.run_id == synced.run_id
