"""`parnet-zoo recipes`, and wrong recipes as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from parnet_zoo.cli.app import app
from parnet_zoo.recipe import (
    Difference,
    differences,
    list_recipes,
    load_recipe,
    recipe_schema,
    shipped_recipes,
)
from tests.conftest import Done

Run = Callable[..., Done]

PETS = """\
name: pets
description: Two
  lines.
epochs: 3
model:
  name: parnet_s
"""
WRONG = PETS.replace("epochs: 3", "epochs: many").replace("name: parnet_s", "nam: parnet_s")
ERRORS = [
    {
        "file": "wrong.yaml",
        "line": 4,
        "column": 9,
        "field": "epochs",
        "message": 'the text "many" does not fit; it must be a whole number from 1 to 100000',
    },
    {
        "file": "wrong.yaml",
        "line": 6,
        "column": 3,
        "field": "model.nam",
        "message": "unknown key; did you mean name?",
    },
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("pets.yaml").write_text(PETS)
    Path("wrong.yaml").write_text(WRONG)
    return tmp_path


def recipes(*arguments: str) -> Done:
    """Run `parnet-zoo recipes` in this process."""
    done = CliRunner().invoke(app, ["recipes", *arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return Done(Path(), done.exit_code, done.stdout, done.stderr)


# --- wrong recipes as JSON


def test_train_answers_a_wrong_recipe_as_json_and_exits_with_2(
    folder: Path, parnet_zoo_in: Run
) -> None:
    done = parnet_zoo_in("train", "wrong.yaml", "--set", "seed=-1", "--epochs", "0", "--json")
    assert (done.code, done.stderr) == (2, "")
    by_flags = [error for error in done.json["errors"] if error["line"] is None]
    assert [(error["file"], error["column"], error["field"]) for error in by_flags] == [
        ("--epochs 0", None, "epochs"), ("--set", None, "seed"),
    ]  # fmt: skip
    assert [error for error in done.json["errors"] if error["line"]] == ERRORS[1:]


@pytest.mark.parametrize(
    "command",
    [["validate", "wrong.yaml"], ["show", "--resolved", "wrong.yaml"],
     ["diff", "pets.yaml", "wrong.yaml"]],
)  # fmt: skip
def test_every_command_answers_a_wrong_recipe_alike(folder: Path, command: list[str]) -> None:
    as_json = recipes(*command, "--json")
    assert (as_json.code, as_json.stderr) == (2, "")
    assert as_json.json["errors"] == ERRORS
    as_text = recipes(*command)
    assert (as_text.code, as_text.stdout) == (2, "")
    assert as_text.stderr.splitlines() == [
        f"{error['file']}:{error['line']}:{error['column']} {error['field']}: {error['message']}"
        for error in ERRORS
    ]


def test_a_file_that_is_not_there_has_no_line_and_no_field(folder: Path) -> None:
    [error] = recipes("show", "nowhere/x.yaml", "--json").json["errors"]
    assert error == {
        "file": "nowhere/x.yaml", "line": None, "column": None, "field": None,
        "message": "there is no such file",
    }  # fmt: skip


# --- list


def test_a_name_of_two_lines_is_shown_on_one(folder: Path) -> None:
    Path("recipes").mkdir()
    for name, text in (("good\n.yaml", PETS), ("bad\n.yaml", WRONG)):
        Path("recipes", name).write_text(text)
    done = recipes("list")
    assert "recipes/good\\n.yaml  parnet_s" in done.stdout
    assert "recipes/bad\\n.yaml cannot be used:\n" in done.stderr
    assert recipes("validate", "recipes/good\n.yaml").stdout == "recipes/good\\n.yaml: OK\n"


def test_recipes_are_listed_with_network_and_origin(folder: Path) -> None:
    Path("recipes").mkdir()
    Path("recipes/cats.yaml").write_text("extends: ../pets.yaml\ntime: 30m\n")
    Path("recipes/net.yaml").write_text("base: parnet_s\n")
    Path("recipes/dogcat.yaml").write_text(WRONG)
    done = recipes("list")
    assert done.code == 0
    head, *rows = done.stdout.splitlines()
    assert head.split() == ["recipe", "network", "resolution", "epochs", "origin", "description"]
    assert rows[-1].split() == [
        "recipes/cats.yaml", "parnet_s", "224", "30m", "recipes", "Two", "lines."
    ]  # fmt: skip
    assert [row.split()[0] for row in rows[:-1]] == list(shipped_recipes())
    assert done.stderr.startswith("recipes/dogcat.yaml cannot be used:\nrecipes/dogcat.yaml:4:9 ")

    as_json = {item["recipe"]: item for item in recipes("list", "--json").json["recipes"]}
    assert as_json["recipes/cats.yaml"] == {
        "recipe": "recipes/cats.yaml", "origin": "recipes", "description": "Two lines.",
        "network": "parnet_s", "resolution": 224, "epochs": None, "time": "30m", "error": None,
    }  # fmt: skip
    assert as_json["dogcat"]["origin"] == "shipped"
    assert "epochs: the text" in as_json["recipes/dogcat.yaml"]["error"]
    assert "recipes/net.yaml" not in as_json


def test_the_shipped_recipes_are_listed_once_where_they_lie(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(shipped_recipes()["dogcat"].parent.parent)
    assert [item.recipe for item in list_recipes()] == list(shipped_recipes())
    assert {item.error for item in list_recipes()} == {None}


# --- validate


def test_each_file_is_validated(folder: Path) -> None:
    done = recipes("validate", "pets.yaml", "wrong.yaml", "quickstart")
    assert done.code == 2
    assert done.stdout == "pets.yaml: OK\nquickstart: OK\n"
    assert len(done.stderr.splitlines()) == 2
    assert recipes("validate", "pets.yaml", "quickstart").code == 0
    answer = recipes("validate", "pets.yaml", "wrong.yaml", "--json").json
    assert answer["recipes"] == [
        {"recipe": "pets.yaml", "ok": True}, {"recipe": "wrong.yaml", "ok": False}
    ]  # fmt: skip


def test_what_a_setting_would_make_of_a_recipe_is_validated_too(folder: Path) -> None:
    assert recipes("validate", "pets.yaml", "--set", "epochs=0").code == 2
    assert recipes("validate", "wrong.yaml", "--set", "epochs=3").code == 2
    assert recipes("validate", "wrong.yaml", "--set", "epochs=3").stderr.count("\n") == 1


# --- show


def test_a_recipe_is_shown_as_it_is_or_as_what_it_means(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "# mine\nextends: pets.yaml\nseed: ${SEED}\n"
    Path("child.yaml").write_text(text)
    assert recipes("show", "child.yaml").stdout == text
    assert recipes("show", "child.yaml", "--json").json == {"file": "child.yaml", "text": text}

    monkeypatch.setenv("SEED", "5")
    done = recipes("show", "child.yaml", "--resolved", "--set", "ema=0.9")
    expected = load_recipe("child.yaml", ["ema=0.9"]).recipe
    assert done.stdout == expected.to_yaml()
    assert yaml.safe_load(done.stdout)["seed"] == 5
    answer = recipes("show", "child.yaml", "--resolved", "--set", "ema=0.9", "--json").json
    assert answer["recipe"] == expected.model_dump(mode="json")
    assert answer["digest"] == expected.digest
    assert answer["files"] == ["child.yaml", "pets.yaml"]


def test_a_wrong_recipe_is_shown_as_it_is(folder: Path) -> None:
    assert recipes("show", "wrong.yaml").stdout == WRONG


def test_a_setting_without_effect_is_refused(folder: Path) -> None:
    done = recipes("show", "pets.yaml", "--set", "epochs=5")
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr == "--set only changes what --resolved shows; give both\n"


# --- schema


def test_the_schema_is_printed_as_it_is_published() -> None:
    done = recipes("schema")
    assert json.loads(done.stdout) == recipe_schema()
    published = shipped_recipes()["dogcat"].parent / "recipe.schema.json"
    assert done.stdout == published.read_text(encoding="utf-8")


# --- diff


def test_recipes_are_compared_by_what_they_mean(folder: Path) -> None:
    Path("same.yaml").write_text(PETS + "batch_size: 32\n")
    done = recipes("diff", "pets.yaml", "same.yaml")
    assert (done.code, done.stdout, done.stderr) == (0, "", "")
    assert recipes("diff", "pets.yaml", "same.yaml", "--json").json == {"differences": []}


def test_the_fields_that_differ_are_shown_in_the_recipes_order(folder: Path) -> None:
    Path("other.yaml").write_text(
        "extends: pets.yaml\n"
        "epochs: 5\n"
        "model: {scaling: {channels: [24, 48, 96]}}\n"
        "early_stopping: {patience: 3}\n"
        "progressive: [{until: 0.5, resolution: 64}]\n"
        "class_weights: {'a: b': 2}\n"
    )
    done = recipes("diff", "pets.yaml", "other.yaml")
    assert (done.code, done.stderr) == (1, "")
    assert [line.split(maxsplit=2) for line in done.stdout.splitlines()] == [
        ["field", "pets.yaml", "other.yaml"],
        ["epochs", "3", "5"],
        ["model.scaling.channels", "null", "[24, 48, 96]"],
        ["progressive", "[]", "[{until: 0.5, resolution: 64}]"],
        ["class_weights", "null", "{'a: b': 2.0}"],
        ["early_stopping.monitor", "null", "val_loss"],
        ["early_stopping.patience", "null", "3"],
    ]
    as_json = recipes("diff", "pets.yaml", "other.yaml", "--json")
    assert as_json.code == 1
    assert as_json.json["differences"][:2] == [
        {"field": "epochs", "a": 3, "b": 5},
        {"field": "model.scaling.channels", "a": None, "b": [24, 48, 96]},
    ]


def test_a_section_without_anything_in_it_still_differs_from_none(folder: Path) -> None:
    plain = load_recipe("pets.yaml").recipe
    scaled = load_recipe("pets.yaml", ["model.scaling={}"]).recipe
    nothing: dict[str, Any] = dict.fromkeys(type(scaled.model.scaling).model_fields)  # type: ignore[union-attr]  # set above
    assert differences(plain, scaled) == [Difference("model.scaling", None, nothing)]


@pytest.mark.slow
def test_the_commands_work_in_a_process_of_their_own(folder: Path, parnet_zoo_in: Run) -> None:
    assert parnet_zoo_in("recipes", "list", "--json").json["recipes"]
    assert parnet_zoo_in("recipes", "validate", "pets.yaml").stdout == "pets.yaml: OK\n"
    assert parnet_zoo_in("recipes", "diff", "dogcat", "quickstart").code == 1
    assert parnet_zoo_in("recipes", "show", "wrong.yaml").stdout == WRONG
