"""Several trainers at once: into one PostgreSQL behind one server, and into one SQLite file."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.conftest import Done
from tests.mlflow_server import Server
from tests.postgres import postgres
from tests.test_cli import write_pictures
from tests.test_outage import begin, end
from tests.test_train import TINY

pytestmark = pytest.mark.slow

TRAINERS = 3


class File:
    """A store without a server."""

    def __init__(self, path: Path) -> None:
        self.uri = f"sqlite:///{path}"


def trained_at_once(folder: Path, store: Server | File) -> list[Done]:
    (folder / "tiny.yaml").write_text(TINY)
    write_pictures(folder / "pictures", {"train/a": 12, "train/bbbbb": 12})
    arguments = ("train", "tiny.yaml", "--epochs", "2", "--json", "--quiet")
    processes = [begin(folder, store, *arguments) for _ in range(TRAINERS)]
    return [end(folder, process) for process in processes]


def check(done: list[Done], uri: str) -> None:
    for one in done:
        assert one.code == 0, one.stderr
        assert "Traceback" not in one.stderr
    client = MlflowClient(tracking_uri=uri)
    assert sorted(one.json["model_version"] for one in done) == [1, 2, 3]
    assert [one.json["alias"] for one in done].count("champion") == 1
    champion = client.get_model_version_by_alias("tiny", "champion")
    [crowned] = [one for one in done if one.json["alias"] == "champion"]
    assert int(champion.version) == crowned.json["model_version"]
    experiment = client.get_experiment_by_name("tiny")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    assert [run.info.status for run in runs] == ["FINISHED"] * TRAINERS
    for run in runs:
        history = client.get_metric_history(run.info.run_id, "loss")
        assert [point.step for point in history] == [1, 2]
    models = client.search_logged_models([experiment.experiment_id], "name = 'tiny'")
    assert [str(model.status) for model in models] == ["READY"] * TRAINERS
    assert not list(done[0].folder.glob(".parnet-zoo/runs/*"))


def test_three_trainers_share_one_experiment_and_one_model_on_postgresql(tmp_path: Path) -> None:
    with postgres() as database:
        server = Server(tmp_path / "server", database)
        server.start()
        try:
            check(trained_at_once(tmp_path, server), server.uri)
        finally:
            server.kill()


def test_three_trainers_share_one_sqlite_file_that_none_of_them_has_made(tmp_path: Path) -> None:
    store = File(tmp_path / "mlflow.db")
    check(trained_at_once(tmp_path, store), store.uri)
