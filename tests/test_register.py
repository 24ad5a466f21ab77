"""A store that is away when a trained network is to be registered."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

import parnet_zoo
from parnet_zoo.errors import TrackingError, UsageError
from parnet_zoo.training import conductor
from parnet_zoo.training import publish as publishing
from tests.conftest import parnet_zoo_command
from tests.mlflow_server import Server
from tests.test_cli import write_pictures
from tests.test_train import TINY


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in [name for name in os.environ if name.startswith("MLFLOW_")]:
        monkeypatch.delenv(name)
    (tmp_path / "tiny.yaml").write_text(TINY)
    write_pictures(tmp_path / "pictures", {"train/a": 12, "train/bbbbb": 12})
    monkeypatch.chdir(tmp_path)
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

    monkeypatch.setattr(conductor, "publish", kill_then_publish)
    monkeypatch.setattr(publishing, "SECONDS_TO_WAIT", 2.0)
    monkeypatch.setattr("parnet_zoo.tracking.run._PATIENCE_SECONDS", 2.0)
    with pytest.raises(TrackingError, match="trained but not registered") as caught:
        parnet_zoo.train("tiny.yaml", epochs=1, quiet=True)
    [directory] = (tmp_path / ".parnet-zoo" / "runs").iterdir()
    assert f"parnet-zoo register {directory}" in str(caught.value)
    server.start()
    published = publishing.register(directory, quiet=True)
    assert (published.model_uri, published.alias) == ("models:/tiny/1", "champion")
    client = MlflowClient(tracking_uri=server.uri)
    run = client.get_run(str(client.get_model_version("tiny", "1").run_id))
    assert run.info.status == "FINISHED"
    assert run.data.metrics["best_epoch"] == 1
    picture = tmp_path / "pictures" / "train" / "a" / "0.png"
    assert parnet_zoo.load("models:/tiny/1").predict([picture])[0]["label"] in {"a", "bbbbb"}
    assert not directory.exists()
    with pytest.raises(UsageError, match="holds no trained network"):
        publishing.register(directory)


def test_registering_what_is_no_run_exits_with_2(tmp_path: Path) -> None:
    done = parnet_zoo_command(tmp_path, "register", "nowhere")
    assert (done.code, done.stdout) == (2, "")
    assert "nowhere holds no trained network" in done.stderr
    assert len(done.stderr.splitlines()) == 1
