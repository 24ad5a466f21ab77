"""What is shipped: the wheel, the locks, the make targets."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

LOCKS = ["requirements.lock", "requirements-dev.lock"]


def locked(name: str) -> dict[str, str]:
    text = (REPOSITORY / name).read_text()
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", text, re.MULTILINE))


def project() -> dict[str, list[str]]:
    with (REPOSITORY / "pyproject.toml").open("rb") as file:
        table = tomllib.load(file)["project"]
    return {"": table["dependencies"], **table["optional-dependencies"]}


def names(requirements: list[str]) -> set[str]:
    found = (re.match(r"[A-Za-z0-9._-]+", line) for line in requirements)
    return {match[0].lower().replace("_", "-") for match in found if match}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_pins_every_version_with_hashes_and_without_addresses(lock: str) -> None:
    text = (REPOSITORY / lock).read_text()
    assert "://" not in text
    assert "index" not in text
    entries = re.split(r"\n(?=[a-z0-9])", text)
    assert len(entries) > 50
    for entry in entries:
        assert re.match(r"[a-z0-9._-]+==\S+", entry), entry
        assert "--hash=sha256:" in entry, entry


def test_the_locks_hold_what_the_project_asks_for_and_agree() -> None:
    run, develop = map(locked, LOCKS)
    assert names(project()[""]) | names(project()["build"]) <= run.keys()
    assert names(project()["dev"]) <= develop.keys()
    assert run.items() <= develop.items()


def test_the_owners_packages_are_dependencies() -> None:
    assert {"tensorflow", "keras-cv", "mlflow", "pydantic", "typer"} <= names(project()[""])


def test_no_runs_are_committed() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "mlruns", "mlflow.db", "datasets"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert listed.stdout.split() == ["mlruns/.gitkeep"]


@pytest.mark.slow
def test_the_wheel_holds_both_packages_typed_and_the_recipes(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
         "--wheel-dir", str(tmp_path), str(REPOSITORY)],
        check=True, capture_output=True,
    )  # fmt: skip
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        files = archive.namelist()
        archive.extractall(tmp_path / "installed")
    assert {"parnet_zoo/py.typed", "registry/py.typed"} <= set(files)
    shipped = {Path(file).name for file in files if file.startswith("parnet_zoo/recipes/")}
    recipes = REPOSITORY / "recipes"
    assert shipped == {path.name for path in recipes.glob("*.yaml")} | {"recipe.schema.json"}
    assert not [file for file in files if file.startswith(("tests/", "docs/", "benchmarks/"))]
    code = (
        "from parnet_zoo.recipe import load_recipe; import parnet_zoo\n"
        "assert 'installed' in parnet_zoo.__file__\n"
        "print(load_recipe('dogcat').recipe.name)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True,
        env={"PYTHONPATH": str(tmp_path / "installed")},
    )  # fmt: skip
    assert done.stdout.strip() == "dogcat"
