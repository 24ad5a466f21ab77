"""A run in a real SQLite store."""

import json
import logging
import math
import os
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from parnet_zoo.errors import TrackingError, UsageError
from parnet_zoo.tracking.journal import Entry, Journal
from parnet_zoo.tracking.limits import batches, cut, key
from parnet_zoo.tracking.mark import Mark
from parnet_zoo.tracking.run import TrackedRun
from parnet_zoo.tracking.sender import Sender
from parnet_zoo.tracking.spool import Spool
from parnet_zoo.tracking.store import connect, open_client

pytestmark = pytest.mark.usefixtures("own_store")


HEADER: dict[str, Any] = {
    "local_id": "local-1",
    "experiment": "digits",
    "name": "first",
    "tags": {},
    "time": 10**12,
    "store": "sqlite:///mlflow.db",
    "offline": False,
}


GOOD: dict[str, dict[str, Any]] = {
    "run": HEADER,
    "created": {"run_id": "a", "experiment_id": "1"},
    "params": {"params": {}},
    "artifact": {"copy": "a/b", "folder": None},
    "metrics": {"step": 1, "time": 1, "metrics": {"loss": "nan"}},
    "status": {"status": "FINISHED", "time": 1},
}


def start(directory: str = "run", **changes: Any) -> TrackedRun:
    arguments: dict[str, Any] = {
        "experiment": "digits",
        "name": "first",
        "directory": Path(directory),
        "params": {},
        "tags": {},
    }
    return TrackedRun.start(**(arguments | changes))


def stored(run: TrackedRun) -> Any:
    return open_client().get_run(run.run_id)


def history(run: TrackedRun, name: str) -> list[tuple[int, float]]:
    return [(m.step, m.value) for m in open_client().get_metric_history(run.run_id, name)]


def artifact(run: TrackedRun, name: str) -> str:
    return Path(open_client().download_artifacts(run.run_id, name)).read_text()


def _raise(error: BaseException | None) -> None:
    if error is not None:
        raise error


class TestWhatARunHolds:
    """Everything that was logged, as it was logged."""

    def test_it_is_in_its_experiment_under_its_name(self) -> None:
        with start() as run:
            assert run.experiment == "digits"
            assert run.experiment_id == connect("digits")
            assert run.store == f"sqlite:///{Path.cwd()}/mlflow.db"
            assert run.directory == Path("run")
        assert stored(run).info.run_name == "first"
        assert stored(run).info.experiment_id == run.experiment_id

    def test_parameters_are_written_as_text(self) -> None:
        with start(params={"optimizer.learning_rate": 1e-3, "model.name": "parnet_s"}) as run:
            run.log_params({"data.limit": None, "widths": (64, 96)})
        assert stored(run).data.params == {
            "optimizer.learning_rate": "0.001",
            "model.name": "parnet_s",
            "data.limit": "None",
            "widths": "(64, 96)",
        }

    def test_hundreds_of_parameters_and_long_ones_fit(self) -> None:
        many = {f"field{n}": n for n in range(250)}
        with start(params={**many, "a": "x" * 7000, "b": "x" * 7000 + "y", "spec(1)": 1}) as run:
            assert run.flush()
        params = stored(run).data.params
        assert [params[f"field{n}"] for n in range(250)] == [str(n) for n in range(250)]
        assert len(params["a"]) == 6000
        assert "[cut: 7000 characters, sha256 " in params["a"]
        assert params["a"].split("sha256")[1] != params["b"].split("sha256")[1]
        assert params["spec_1_"] == "1"

    def test_metrics_have_their_steps(self) -> None:
        with start() as run:
            for epoch in (1, 2, 3):
                run.log_metrics({"loss": 1 / epoch, "val_loss": 2.0}, step=epoch)
            run.log_metrics({"test_accuracy": 0.99}, step=3)
        assert history(run, "loss") == [(1, 1.0), (2, 0.5), (3, 1 / 3)]
        assert history(run, "val_loss") == [(1, 2.0), (2, 2.0), (3, 2.0)]
        assert history(run, "test_accuracy") == [(3, 0.99)]

    def test_a_diverged_loss_is_logged_too(self) -> None:
        with start() as run:
            run.log_metrics({"loss": math.inf, "val_loss": math.nan}, step=1)
        assert history(run, "loss")[0][1] > 1e308
        assert math.isnan(history(run, "val_loss")[0][1])

    def test_a_metric_counts_once_a_step(self) -> None:
        with start() as run:
            run.log_metrics({"loss": 0.5}, step=1)
            run.log_metrics({"loss": 0.7, "accuracy": 0.9}, step=1)
        assert history(run, "loss") == [(1, 0.5)]
        assert history(run, "accuracy") == [(1, 0.9)]

    def test_a_parameter_keeps_its_first_value(self, caplog: pytest.LogCaptureFixture) -> None:
        with start(params={"seed": 1}) as run, caplog.at_level(logging.WARNING):
            run.log_params({"seed": 1})
            assert caplog.messages == []
            run.log_params({"seed": 2})
        assert stored(run).data.params == {"seed": "1"}
        assert caplog.messages == ["parameter seed stays 1"]

    def test_artifacts_are_as_they_were_when_logged(self) -> None:
        weights, figures = Path("best.weights.h5"), Path("figures")
        weights.write_text("epoch 1")
        figures.mkdir()
        (figures / "a.png").write_text("picture")
        with start() as run:
            run.log_artifact(weights, "weights")
            run.log_artifact(figures)
            run.log_text("épochs: 3", "recipe.yaml")
            run.log_text("cat\ndog", "data/classes.txt")
            weights.unlink()
            shutil.rmtree(figures)
        assert artifact(run, "weights/best.weights.h5") == "epoch 1"
        assert artifact(run, "figures/a.png") == "picture"
        assert artifact(run, "recipe.yaml") == "épochs: 3"
        assert artifact(run, "data/classes.txt") == "cat\ndog"
        assert list(Path("run/spool").iterdir()) == []

    def test_paths_that_are_no_utf_8_are_written_with_escapes(self) -> None:
        path = os.fsdecode(b"caf\xe9.png")
        with start(params={"data.root": path}) as run:
            run.log_text(f"{path}\tbroken\n", "data/unreadable.tsv")
            run.set_tags({"parnet_zoo.directory": path})
            assert run.flush()
        assert artifact(run, "data/unreadable.tsv") == "caf\\udce9.png\tbroken\n"
        assert stored(run).data.params["data.root"] == "caf\\udce9.png"
        assert stored(run).data.tags["parnet_zoo.directory"] == "caf\\udce9.png"

    def test_it_says_where_it_comes_from(self) -> None:
        with start(tags={"parnet_zoo.recipe": "digits", "long": "x" * 9000}) as run:
            pass
        tags = stored(run).data.tags
        assert tags["parnet_zoo.recipe"] == "digits"
        assert len(tags["long"]) == 8000
        assert tags["mlflow.user"]
        assert tags["mlflow.source.name"]
        assert (
            tags["version.tensorflow"] == json.loads(artifact(run, "versions.json"))["tensorflow"]
        )
        assert tags["version.mlflow"].startswith("3.")
        assert "mlflow.source.git.commit" not in tags  # the folder is no repository
        assert tags["parnet_zoo.process"].startswith(f"{os.getpid()} ")

    def test_it_names_the_commit_and_whether_there_are_changes(self) -> None:
        git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.invalid"]
        subprocess.run(["git", "init", "-q"], check=True)
        Path("recipe.yaml").write_text("epochs: 1")
        subprocess.run(["git", "add", "recipe.yaml"], check=True)
        subprocess.run([*git, "commit", "-qm", "first"], check=True)
        with start("clean") as clean:
            pass
        Path("recipe.yaml").write_text("epochs: 2")
        with start("dirty") as dirty:
            pass
        commit = subprocess.check_output(["git", "rev-parse", "HEAD"], text=True).strip()
        assert stored(clean).data.tags["mlflow.source.git.commit"] == commit
        assert stored(clean).data.tags["parnet_zoo.git_dirty"] == "false"
        assert stored(dirty).data.tags["parnet_zoo.git_dirty"] == "true"

    def test_the_current_folder_may_change(self, monkeypatch: pytest.MonkeyPatch) -> None:
        home = Path.cwd()
        Path("elsewhere").mkdir()
        with start(str(home / "run")) as run:
            monkeypatch.chdir("elsewhere")
            run.log_metrics({"loss": 0.5}, step=1)
            run.log_text("a", "a.txt")
        monkeypatch.chdir(home)
        assert history(run, "loss") == [(1, 0.5)]
        assert artifact(run, "a.txt") == "a"
        assert list(Path("elsewhere").iterdir()) == []

    def test_nothing_global_is_left_behind(self) -> None:
        import mlflow

        before = dict(os.environ)
        with start():
            assert mlflow.active_run() is None
        assert dict(os.environ) == before
        threads = [t for t in threading.enumerate() if t.name == "parnet-zoo-tracking"]
        assert threads == []


class TestHowARunEnds:
    """Its status says how the `with` was left."""

    @pytest.mark.parametrize(
        ("error", "status"),
        [
            (None, "FINISHED"),
            (KeyboardInterrupt(), "KILLED"),
            (SystemExit(143), "KILLED"),
            (ValueError("loss is not a number"), "FAILED"),
        ],
    )
    def test_status(self, error: BaseException | None, status: str) -> None:
        run = start()
        assert stored(run).info.status == "RUNNING"
        assert stored(run).info.end_time is None
        try:
            with run:
                run.log_metrics({"loss": 0.5}, step=1)
                _raise(error)
        except (Exception, KeyboardInterrupt, SystemExit) as caught:
            outcome: BaseException | None = caught
        else:
            outcome = None
        assert outcome is error
        assert stored(run).info.status == status
        assert stored(run).info.end_time > stored(run).info.start_time
        assert history(run, "loss") == [(1, 0.5)]
        failure = stored(run).data.tags.get("parnet_zoo.failure")
        assert failure == ("ValueError: loss is not a number" if status == "FAILED" else None)

    def test_a_directory_serves_one_run(self) -> None:
        with start():
            pass
        with pytest.raises(UsageError, match="run belongs to another run"):
            start()

    def test_a_directory_that_cannot_be_made_leaves_no_run(self) -> None:
        Path("file").touch()
        with pytest.raises(TrackingError, match="file/run cannot be created"):
            start("file/run")
        assert open_client().get_experiment_by_name("digits") is None

    def test_a_run_that_cannot_begin_is_failed(self) -> None:
        Path("run").mkdir()
        Path("run/spool").touch()
        with pytest.raises(TrackingError, match=r"no copy of versions\.json"):
            start()
        runs = open_client().search_runs([connect("digits")])
        assert [run.info.status for run in runs] == ["FAILED"]

    def test_a_directory_that_is_not_whole_leaves_no_run(self) -> None:
        Path("run").mkdir()
        Path("run/delivered.json").write_text("not ours")
        with pytest.raises(TrackingError, match=r"delivered\.json is damaged"):
            start()
        assert open_client().search_runs([connect("digits")]) == []


class TestResume:
    """A run goes on as if nothing had happened."""

    def test_nothing_is_logged_twice(self) -> None:
        run = start(params={"seed": 1})
        run.log_metrics({"loss": 0.5}, step=1)
        with pytest.raises(KeyboardInterrupt), run:
            raise KeyboardInterrupt
        with TrackedRun.resume(Path("run")) as again:
            again.log_params({"seed": 1})
            again.log_metrics({"loss": 0.4}, step=1)
            again.log_metrics({"loss": 0.3}, step=2)
            assert again.flush()
            assert stored(run).info.status == "RUNNING"
        assert again.run_id == run.run_id
        assert history(run, "loss") == [(1, 0.5), (2, 0.3)]
        assert stored(run).info.status == "FINISHED"

    def test_what_was_not_delivered_is(self) -> None:
        with start() as run:
            pass
        spool = Spool(Path("run/spool"))
        with Journal(Path("run/journal.jsonl")) as journal:
            copy = spool.write("late.txt", "late")
            journal.append("metrics", {"step": 1, "time": 1, "metrics": {"loss": 0.5}})
            journal.append("artifact", {"copy": copy, "folder": None})
        with TrackedRun.resume(Path("run")):
            pass
        assert history(run, "loss") == [(1, 0.5)]
        assert artifact(run, "late.txt") == "late"

    def test_what_an_ended_run_left_can_be_delivered_alone(self) -> None:
        with start() as run:
            pass
        with Journal(Path("run/journal.jsonl")) as journal:
            journal.append("metrics", {"step": 1, "time": 1, "metrics": {"loss": 0.5}})
            journal.append("status", {"status": "KILLED", "time": 10**13})
        assert TrackedRun.deliver(Path("run")) == 0
        assert history(run, "loss") == [(1, 0.5)]
        assert stored(run).info.status == "KILLED"
        assert stored(run).info.end_time == 10**13
        assert len(Path("run/journal.jsonl").read_text().splitlines()) == 6

    def test_a_crash_between_writing_and_marking_writes_nothing_twice(self) -> None:
        with start() as run:
            run.log_metrics({"loss": 0.5, "accuracy": 0.9}, step=1)
        # Another timestamp, as else the store itself would drop the repetition.
        Path("run/delivered.json").unlink()
        journal = Path("run/journal.jsonl")
        lines = [json.loads(line) for line in journal.read_text().splitlines()]
        for line in lines:
            if line["kind"] == "metrics":
                line["data"]["time"] += 1
                line["data"]["metrics"]["val_loss"] = 0.7  # had not been written yet
        journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
        with TrackedRun.resume(Path("run")):
            pass
        assert history(run, "loss") == [(1, 0.5)]
        assert history(run, "accuracy") == [(1, 0.9)]
        assert history(run, "val_loss") == [(1, 0.7)]

    def test_two_at_once_are_refused(self) -> None:
        with start(), pytest.raises(TrackingError, match="another process is working"):
            TrackedRun.resume(Path("run"))

    def test_the_store_is_the_one_it_began_in(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with start() as run:
            pass
        home = Path.cwd()
        Path("elsewhere").mkdir()
        monkeypatch.chdir("elsewhere")
        with TrackedRun.resume(home / "run") as again:
            again.log_metrics({"loss": 0.5}, step=1)
        assert list(Path.cwd().iterdir()) == []
        monkeypatch.chdir(home)
        assert history(run, "loss") == [(1, 0.5)]

    def test_a_password_is_not_in_the_journal_and_is_asked_for(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        Path("run").mkdir()
        with Journal(Path("run/journal.jsonl")) as journal:
            store = "http://me:***@127.0.0.1:1"
            journal.append("run", {**HEADER, "store": store})
        with pytest.raises(TrackingError, match="set MLFLOW_TRACKING_URI to it, with its password"):
            TrackedRun.resume(Path("run"))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:hunter2@127.0.0.1:1")
        with pytest.raises(TrackingError, match="does not answer"):
            TrackedRun.resume(Path("run"))

    @pytest.mark.parametrize(
        "content", [None, "", '{"n": 1, "kind": "tags", "data": {"tags": {}}}\n']
    )
    def test_where_no_run_is_it_says_so(self, content: str | None) -> None:
        Path("run").mkdir()
        if content is not None:
            Path("run/journal.jsonl").write_text(content)
        with pytest.raises(
            TrackingError, match=r"no run was started in|is not the journal of a run"
        ):
            TrackedRun.resume(Path("run"))


class TestAHostileJournal:
    """A journal is only a file: it decides neither what is called nor what is read."""

    @pytest.mark.parametrize(
        ("kind", "data"),
        [
            ("artifact", {"copy": "../secret.txt", "folder": None}),
            ("artifact", {"copy": "/etc/passwd", "folder": None}),
            ("_client", {}),
        ],
    )
    def test_is_not_obeyed(self, kind: str, data: dict[str, Any]) -> None:
        with start() as run:
            pass
        Path("run/secret.txt").write_text("secret")
        sender = Sender(open_client(), run.run_id, Spool(Path("run/spool")))
        with pytest.raises(Exception, match=r"no copy of ours|unknown kind of entry"):
            sender.send(Entry(9, kind, data), uncertain=False)
        assert [f.path for f in open_client().list_artifacts(run.run_id)] == ["versions.json"]

    @pytest.mark.parametrize(
        ("number", "data", "what"),
        [
            (1, {}, "run: local_id"),
            (1, {**HEADER, "local_id": "' OR 1=1"}, "run: local_id"),
            (2, {"run_id": "../../x", "experiment_id": "1"}, "created: run_id"),
            (3, {}, "params: params"),
            (3, {"params": {"seed": 1}}, "params: params.seed"),
            (4, {"copy": "a/b"}, "artifact: folder"),
            (4, {"copy": "a/b", "folder": "../.."}, "artifact: folder"),
            (5, {"metrics": {"loss": 0.5}}, "metrics: step"),
            (5, {"step": 1, "time": 1, "metrics": {"loss": "high"}}, "metrics: metrics.loss"),
            (6, {"status": "RUNNING; DROP TABLE"}, "status: status"),
        ],
    )
    def test_is_named_with_its_line_where_it_lacks_something(
        self, number: int, data: dict[str, Any], what: str
    ) -> None:
        kinds = ("run", "created", "params", "artifact", "metrics", "status")
        Path("run").mkdir()
        with Journal(Path("run/journal.jsonl")) as journal:
            for line, kind in enumerate(kinds, start=1):
                journal.append(kind, data if line == number else GOOD[kind])
        with pytest.raises(TrackingError, match=f"damaged in line {number} .{what}"):
            TrackedRun.resume(Path("run"))


class TestARefusal:
    """What MLflow will never take is set aside with its reason."""

    def test_leaves_the_rest_in_order(self, caplog: pytest.LogCaptureFixture) -> None:
        with start() as run, caplog.at_level(logging.WARNING):
            open_client().log_param(run.run_id, "seed", "1")  # by somebody else
            run.log_params({"seed": 2})
            run.log_metrics({"loss": 0.5}, step=1)
        assert history(run, "loss") == [(1, 0.5)]
        assert stored(run).info.status == "FINISHED"
        assert run.undelivered == 1
        assert list(Mark(Path("run/delivered.json")).postponed) == [4]
        refusal, rest = caplog.messages
        assert refusal.startswith("MLflow does not take the run's params (entry 4): Changing param")
        assert rest == (
            f"1 entry of run {run.run_id} did not reach {run.store}; "
            "what is missing is kept in run/journal.jsonl, until `parnet-zoo sync` delivers it"
        )

    @pytest.mark.parametrize("place", ["../outside.txt", "/etc/outside.txt", "a/../../b"])
    def test_artifacts_stay_inside(self, place: str) -> None:
        Path("a.txt").touch()
        with start() as run:
            with pytest.raises(ValueError, match="leads out of the run's artifacts"):
                run.log_text("a", place)
            with pytest.raises(ValueError, match="leads out of the run's artifacts"):
                run.log_artifact(Path("a.txt"), place)
        assert stored(run).info.status == "FINISHED"


def test_limits() -> None:
    assert cut("short", 100) == "short"
    assert len(cut("x" * 101, 100)) <= 101
    assert key("a(b)/../c//d") == "a_b_/_/c/_/d"
    assert len(key("x" * 300)) == 250
    assert key("x" * 300) != key("x" * 301)
    assert [len(b) for b in batches({str(n): "" for n in range(250)})] == [100, 100, 50]
