"""What is printed after a training can be typed as it stands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from parnet_zoo.cli.next_steps import next_steps
from parnet_zoo.training.result import TrainResult


def result(**changes: object) -> TrainResult:
    return TrainResult.model_validate(
        {
            "run_id": "4fab31",
            "experiment": "digits",
            "tracking_uri": "sqlite:////home/me/mlflow.db",
            "model_uri": "models:/digits/3",
            "model_name": "digits",
            "model_version": 3,
            "alias": "champion",
            "labels": ("0", "1"),
            "example": "datasets/digits/test/7/digit 1.png",
            "metrics": {"test_accuracy": 0.99, "best_epoch": 17},
            "seconds": 66.0,
            **changes,
        }
    )


COMPARE = "compare the runs (in the page: the experiment, then its training runs):"


def after(heading: str, text: str) -> str:
    """The line that follows a heading."""
    lines = text.splitlines()
    return lines[lines.index(heading) + 1]


@pytest.fixture(autouse=True)
def _own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def environment(folder: Path, *, activate: bool = True) -> Path:
    """An environment's folder of programs, with an `mlflow` that prints where it is."""
    programs = folder / "bin"
    programs.mkdir(parents=True)
    (programs / "python").touch()
    (programs / "mlflow").write_text(f"#!/bin/sh\necho the mlflow of {programs}\n")
    (programs / "mlflow").chmod(0o755)
    if activate:
        (programs / "activate").write_text(f'PATH="{programs}:$PATH"\nexport PATH\n')
    return programs


def test_run_version_and_commands_are_named() -> None:
    text = next_steps(result())
    assert "run       4fab31 of experiment digits, test accuracy 0.9900" in text
    assert "version   models:/digits/3, alias champion, weights of epoch 17" in text
    assert after("serve it:", text) == (
        "  mlflow models serve -m models:/digits@champion --env-manager local --port 5001"
    )
    assert after("ask it:", text) == (
        "  parnet-zoo predict models:/digits@champion 'datasets/digits/test/7/digit 1.png'"
    )
    candidate = next_steps(result(alias="candidate", model_name="a b", model_uri="models:/a b/3"))
    assert after("ask it:", candidate).startswith("  parnet-zoo predict 'models:/a b/3' ")


@pytest.mark.parametrize(
    ("uri", "command"),
    [
        ("", "mlflow ui"),
        ("http://host:5000", "open http://host:5000"),
        ("https://me:se@cret@host/base", "open https://host/base"),
        ("sqlite:////x/mlflow.db", 'mlflow ui --backend-store-uri "$MLFLOW_TRACKING_URI"'),
        ("postgresql://me:secret@host/x", 'mlflow ui --backend-store-uri "$MLFLOW_TRACKING_URI"'),
    ],
)
def test_the_runs_are_looked_at_in_the_store_that_they_are_in(
    monkeypatch: pytest.MonkeyPatch, uri: str, command: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    text = next_steps(result(tracking_uri="the store"))
    assert after(COMPARE, text) == f"  {command}"
    assert ("with MLFLOW_TRACKING_URI set as now (the store)," in text) is bool(uri)
    assert "cret" not in text


def test_the_command_for_another_store_opens_that_store(tmp_path: Path) -> None:
    """MLflow itself reads the option and finds it before it starts: an unusable store is named."""
    words = 'mlflow ui --backend-store-uri "$MLFLOW_TRACKING_URI"'
    done = subprocess.run(
        ["sh", "-c", words],
        env={
            **os.environ,
            "MLFLOW_TRACKING_URI": "nonsense+sqlite:///elsewhere.db",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode != 0
    assert "nonsense+sqlite" in done.stdout + done.stderr
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(("place", "shown"), [(".venv", ".venv"), ("my env", "'my env")])
def test_an_environment_that_is_not_on_the_path_is_activated_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, shown: str
) -> None:
    programs = environment(tmp_path / place)
    monkeypatch.setattr(sys, "executable", str(programs / "python"))
    line = after("first, in each new shell:", next_steps(result()))
    assert line.startswith(f"  . {shown}/bin")
    assert mlflow_after(line, tmp_path) == f"the mlflow of {programs}"


def test_an_environment_without_activation_is_put_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = environment(tmp_path / "my env", activate=False)
    monkeypatch.setattr(sys, "executable", str(programs / "python"))
    line = after("first, in each new shell:", next_steps(result()))
    assert line == f"  export PATH='{programs}':$PATH"
    assert mlflow_after(line, tmp_path) == f"the mlflow of {programs}"


def test_an_environment_elsewhere_is_named_by_its_whole_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = environment(tmp_path / "there" / "venv")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(sys, "executable", str(programs / "python"))
    line = after("first, in each new shell:", next_steps(result()))
    assert line == f"  . {programs}/activate"


def test_nothing_is_said_of_an_environment_that_is_active_or_has_no_mlflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = environment(tmp_path / ".venv")
    monkeypatch.setattr(sys, "executable", str(programs / "python"))
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    assert "in each new shell" not in next_steps(result())
    (programs / "mlflow").unlink()
    assert "in each new shell" not in next_steps(result())


def mlflow_after(line: str, folder: Path) -> str:
    """What `mlflow` is in a new shell after the line."""
    shell = shutil.which("sh") or "sh"
    done = subprocess.run(
        [shell, "-ec", f"{line}\nmlflow"],
        cwd=folder, env={"PATH": os.defpath}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


def test_of_a_run_that_was_trained_offline_it_says_how_to_bring_it_to_mlflow(
    tmp_path: Path,
) -> None:
    packed = str(tmp_path / ".parnet-zoo" / "runs" / "a" / "model")
    offline = {"run_id": "local-1", "model_uri": packed, "model_version": None, "alias": None}
    text = next_steps(result(**offline))
    heading = "bring the run to MLflow and register its version, when there is a connection:"
    assert after(heading, text) == "  parnet-zoo sync local-1"
    asked = after("ask its network already:", text)
    assert asked.startswith("  parnet-zoo predict .parnet-zoo/runs/a/model ")
    assert "models:/" not in text
