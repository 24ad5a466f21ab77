"""Weights out of MLflow: from a run, or from the run behind a registered version."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient

from parnet_zoo.errors import TrackingError, UsageError
from parnet_zoo.recipe.weights_source import (
    LocalFile,
    RegisteredVersion,
    RunArtifact,
    parse_weights_source,
)
from parnet_zoo.tracking.weights_file import weights_file


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("a/b.weights.h5", LocalFile(Path("a/b.weights.h5"))),
        ("C:/weights.keras", LocalFile(Path("C:/weights.keras"))),
        ("runs/x.keras", LocalFile(Path("runs/x.keras"))),
        ("runs:/0a1b", RunArtifact("0a1b", None)),
        ("runs:/0a1b/", RunArtifact("0a1b", None)),
        ("runs:/0a1b/checkpoints/e 1.keras", RunArtifact("0a1b", "checkpoints/e 1.keras")),
        ("models:/dog cat/12", RegisteredVersion("dog cat", "12", None)),
        ("models:/dogcat@champion", RegisteredVersion("dogcat", None, "champion")),
    ],
)
def test_paths_and_addresses_are_told_apart(text: str, source: object) -> None:
    assert parse_weights_source(text) == source


@pytest.mark.parametrize(
    "text",
    [
        "runs:/", "runs:/a b/x", "runs:/0a1b/../secret", "runs:/0a1b//x", "models:/dogcat",
        "models:/dogcat/latest", "models:/dogcat/1/x", "models:/m-0a1b", "models:/@x",
        "https://example.org/x.keras", "s3://bucket/x.keras", "file:///x.keras",
    ],
)  # fmt: skip
def test_other_addresses_are_refused_with_those_that_there_are(text: str) -> None:
    with pytest.raises(UsageError, match=r"runs:/RUN_ID/PATH|no path among"):
        weights_file(text, Path())


@pytest.fixture
def downloads(own_store: Path, tmp_path: Path) -> Path:
    """A folder for downloads, beside an empty store."""
    folder = tmp_path / "downloads"
    folder.mkdir()
    return folder


@pytest.fixture
def run_id(own_store: Path, downloads: Path) -> str:
    """A run that left weights, behind version 1 of `dogcat`, its champion."""
    client = MlflowClient(tracking_uri=f"sqlite:///{own_store}")
    run = client.create_run(client.create_experiment("dogcat"))
    best = own_store.parent / "best.weights.h5"
    best.write_bytes(b"the numbers")
    client.log_artifact(run.info.run_id, str(best), "weights")
    client.create_registered_model("dogcat")
    client.create_model_version("dogcat", run.info.artifact_uri, run.info.run_id)
    client.set_registered_model_alias("dogcat", "champion", "1")
    return str(run.info.run_id)


@pytest.fixture
def refusal(downloads: Path) -> Callable[[str], str]:
    def why(uri: str) -> str:
        with pytest.raises(TrackingError) as caught:
            weights_file(uri, downloads)
        assert len(str(caught.value).splitlines()) == 1
        assert uri in str(caught.value)
        return str(caught.value)

    return why


def test_the_weights_of_a_run_and_of_a_version_are_the_same_file(
    run_id: str, downloads: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    capfd.readouterr()
    for uri in (
        f"runs:/{run_id}", f"runs:/{run_id}/weights/best.weights.h5", "models:/dogcat/1",
        "models:/dogcat@champion",
    ):  # fmt: skip
        path = weights_file(uri, downloads)
        assert path.read_bytes() == b"the numbers"
        assert path.name == "best.weights.h5"
        assert path.is_relative_to(downloads)
        path.unlink()
    assert capfd.readouterr() == ("", "")


def test_what_the_store_does_not_have_is_named(run_id: str, refusal: Callable[[str], str]) -> None:
    assert "0123456789abcdef" in refusal("runs:/0123456789abcdef")
    assert "has no file weights/last.keras; weights has weights/best.weights.h5" in refusal(
        f"runs:/{run_id}/weights/last.keras"
    )
    assert "nothing is in checkpoints" in refusal(f"runs:/{run_id}/checkpoints/e1.keras")
    assert "has no file weights; " in refusal(f"runs:/{run_id}/weights")
    assert "Registered Model" in refusal("models:/cats@champion")
    assert "alias" in refusal("models:/dogcat@best")
    assert "version" in refusal("models:/dogcat/7").lower()


def test_no_store_is_made_only_to_look_into_it(
    own_store: Path, downloads: Path, refusal: Callable[[str], str]
) -> None:
    own_store.unlink()
    assert f"there is no MLflow store {own_store}" in refusal("models:/dogcat@champion")
    assert not own_store.exists()


def test_a_server_that_does_not_answer_is_named(
    downloads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:secret@127.0.0.1:9")
    with pytest.raises(TrackingError, match="does not answer") as caught:
        weights_file("models:/dogcat@champion", downloads)
    assert "secret" not in str(caught.value)


def test_a_path_is_given_back_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert weights_file("a/b.keras", tmp_path) == Path("a/b.keras")
    assert weights_file("~/b.keras", tmp_path) == tmp_path / "b.keras"
    assert weights_file("~nobody-at-all/b.keras", tmp_path) == Path("~nobody-at-all/b.keras")
