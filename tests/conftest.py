"""Fixtures that several test files use."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# A red CI must mean that the change broke something, not that the dice fell otherwise than before;
# new examples are tried on developers' machines.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")

# A shell that starts the tests in the background has them ignore Ctrl-C, and what they start would
# inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where several workers share the files, those with many slow tests come first.

    Then no worker is left alone with one at the end.
    """
    if os.environ.get("PYTEST_XDIST_WORKER"):
        slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
        items.sort(key=lambda item: -slow[item.path])  # stable: within a file as before


REPOSITORY = Path(__file__).resolve().parent.parent
PROGRAMS = Path(sys.executable).parent
CLOCKS = {
    "images_per_second",
    "cpu_seconds",
    "latency_ms",
    "latency_p95_ms",
    "served_images_per_second",
}
"""Metrics that no two runs have in common."""


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with photographs and reference fixtures; tests that need it skip without it."""
    folder = Path(os.environ.get("PARNET_ZOO_SHARED", REPOSITORY.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no shared data at {folder}; set PARNET_ZOO_SHARED")
    return folder.resolve()


@dataclass(frozen=True)
class Done:
    """A command that ended."""

    folder: Path
    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> dict[str, Any]:
        """Standard output, which must be one JSON object."""
        answer = json.loads(self.stdout)
        assert isinstance(answer, dict)
        return answer


def user_environment() -> dict[str, str]:
    """What a user's shell has: this environment's programs, and no settings of MLflow."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    return {**kept, "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"}


def parnet_zoo_command(folder: Path, *arguments: str, timeout: float = 800) -> Done:
    """Run `parnet-zoo` in a folder, as a user does."""
    done = subprocess.run(
        [str(PROGRAMS / "parnet-zoo"), *arguments],
        cwd=folder,
        env=user_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return Done(folder, done.returncode, done.stdout, done.stderr)


@pytest.fixture
def parnet_zoo_in(tmp_path: Path) -> Callable[..., Done]:
    """Run `parnet-zoo` in an empty folder."""
    return lambda *arguments, **options: parnet_zoo_command(tmp_path, *arguments, **options)


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow store without runs; creating one takes a second, copying one does not."""
    from parnet_zoo.tracking.store import open_client

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    open_client(f"sqlite:///{path}")
    return path


@pytest.fixture
def own_store(empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder with an empty MLflow store, and no settings of MLflow."""
    monkeypatch.chdir(tmp_path)
    for name in [n for n in os.environ if n.startswith("MLFLOW_")]:
        monkeypatch.delenv(name)
    return Path(shutil.copy(empty_store, tmp_path / "mlflow.db"))


@pytest.fixture(scope="session")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """The quickstart recipe, trained once for all tests that look at what it leaves behind."""
    folder = tmp_path_factory.mktemp("quickstart")
    done = parnet_zoo_command(folder, "train", "quickstart", "--json")
    assert done.code == 0, done.stderr
    return done
