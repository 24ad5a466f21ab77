"""Environment variables in the values of a recipe."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parnet_zoo.recipe import RecipeError, load_recipe
from parnet_zoo.recipe.document import parse_document
from parnet_zoo.recipe.environment import escaped, resolved

RECIPE = """\
name: pets
epochs: 2
model: {name: parnet_s}
"""


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MISSING", raising=False)
    return tmp_path


def error_of(text: str, *settings: str) -> str:
    Path("pets.yaml").write_text(RECIPE + text)
    with pytest.raises(RecipeError) as caught:
        load_recipe("pets.yaml", settings)
    return str(caught.value)


@pytest.mark.parametrize(
    ("written", "value", "meant"),
    [
        ("${X}", "3", 3),
        ("${X}", "1e-3", 1e-3),
        ("${X}", "true", True),
        ("${X}", "", None),
        ("${X}", "a: b # c", "a: b # c"),
        ("${X}", "[24, 48]", [24, 48]),
        ("${X}", "{a: [1]}", {"a": [1]}),
        ("${X}", "'3'", "3"),
        ("${X}", "${Y}", "${Y}"),  # once, not again
        ('"${X}"', "3", "3"),
        ("'${X}'", "[24", "[24"),
        ("${X}h", "2", "2h"),
        ("1e-${X}", "3", 1e-3),
        ("/data/${X}/${X}", "a b", "/data/a b/a b"),
        ("${X:-7}", None, 7),
        ("${X:-7}", "", 7),
        ("${X:-7}", "8", 8),
        ("${X:-}", None, None),
        ("${X:-a:b c}", None, "a:b c"),
        ("$${X}", "3", "${X}"),
        ("$X {X} $5", "3", "$X {X} $5"),
        ("|-\n  ${X}", "3", "${X}"),
        (">-\n  ${", "3", "${"),
    ],
)
def test_a_value_is_typed_as_if_it_stood_in_the_file(
    written: str, value: str | None, meant: Any
) -> None:
    environment = {} if value is None else {"X": value}
    data = parse_document(f"a: {written}\n", "x.yaml", environment).data["a"]
    assert data == meant
    assert type(data) is type(meant)


def test_variables_reach_any_value_of_a_recipe(
    in_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"EPOCHS": "7", "PHOTOS": "/photos", "WIDTH": "32", "CAT": "2.5", "BASE": "pets"}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    Path("pets.yaml").write_text(RECIPE)
    Path("child.yaml").write_text(
        "extends: ${BASE}.yaml\n"
        "epochs: ${EPOCHS}\n"
        "model:\n  scaling:\n    channels:\n      - ${WIDTH}\n      - 64\n      - 96\n"
        "data:\n  root: '${PHOTOS}/${ANIMAL:-pets}'\n  validation: ${PART:-0.2}\n"
        "class_weights:\n  cat: ${CAT}\n"
    )
    recipe = load_recipe("child.yaml").recipe
    assert (recipe.epochs, recipe.data.root, recipe.data.validation) == (7, "/photos/pets", 0.2)
    assert recipe.spec().widths[:3] == (32, 64, 96)
    assert recipe.class_weights == {"cat": 2.5}
    assert recipe.flattened()["data.root"] == "/photos/pets"


def test_a_missing_variable_is_named_at_its_place(in_folder: Path) -> None:
    assert error_of("sed: 1\ndata:\n  root: ${MISSING}/x\n") == (
        "pets.yaml:4:1 sed: unknown key; did you mean seed?\n"
        "pets.yaml:6:9 data.root: the environment variable MISSING is not set; set it, or write"
        " ${MISSING:-...} with what holds without it"
    )
    assert error_of("progressive:\n  - until: 0.5\n    resolution: ${MISSING}\n").startswith(
        "pets.yaml:6:17 progressive[0].resolution: the environment variable MISSING is not set"
    )
    assert "the environment variables MISSING, AWAY are not set" in error_of(
        "description: ${MISSING} ${AWAY}"
    )


def test_a_missing_variable_that_is_not_needed_is_no_mistake(in_folder: Path) -> None:
    Path("pets.yaml").write_text(RECIPE + "data: {root: '${MISSING}'}\n")
    assert load_recipe("pets.yaml", data="photos").recipe.data.root == "photos"
    Path("child.yaml").write_text("extends: pets.yaml\ndata: {root: pictures}\n")
    assert load_recipe("child.yaml").recipe.data.root == "pictures"


def test_a_missing_variable_hides_no_other_mistake_and_makes_none(in_folder: Path) -> None:
    text = "schedule: {warmup_epochs: 5}\noptimizer: {name: '${MISSING}', momentum: 0.9}\n"
    assert [line.split(": ")[0] for line in error_of(text).split("\n")] == [
        "pets.yaml:4:27 schedule.warmup_epochs", "pets.yaml:5:19 optimizer.name",
    ]  # fmt: skip
    assert error_of("", "epochs=${MISSING}").startswith(
        '--set epochs: the text "${MISSING}" does not fit'
    )


@pytest.mark.parametrize("text", ["${", "${}", "${1X}", "${X", "${X:+a}", "${A.B}", "a ${X:-b"])
def test_what_only_looks_like_a_variable_is_refused_with_the_way_out(
    in_folder: Path, text: str
) -> None:
    assert error_of(f"description: '{text}'\n") == (
        "pets.yaml:4:14 description: what begins with ${ is an environment variable: write ${NAME}"
        " or ${NAME:-default}, or $${ where these characters themselves are meant"
    )


@pytest.mark.parametrize("text", ["epochs: [${X}]", "data: {root: ${X}}", "ema: [0.9,${X}"])
def test_between_brackets_a_variable_needs_quotes(in_folder: Path, text: str) -> None:
    assert error_of(f"{text}\n").endswith(
        ": not valid YAML: between brackets, ${NAME} needs quotes, which make it a text; for any"
        " other value, write the list or section on lines of its own"
    )


def test_a_value_that_is_no_yaml_is_not_shown(
    in_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "[secret")
    message = error_of("description: ${TOKEN}\n")
    assert message == (
        "pets.yaml:4:14 description: what ${TOKEN} stands for is no value in YAML; put ${TOKEN} in"
        " quotes to take it as a text"
    )


def test_a_wrong_value_is_reported_where_the_variable_stands(
    in_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEED", "many")
    assert error_of("seed: ${SEED}\n").startswith('pets.yaml:4:7 seed: the text "many" does not')
    monkeypatch.setenv("CHANNELS", "[24, x]")
    assert error_of("early_stopping: ${CHANNELS}\n").startswith(
        "pets.yaml:4:17 early_stopping: a list of 2 does not fit"
    )


def test_keys_and_spec_files_know_no_variables(
    in_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("X", "seed")
    assert "unknown key" in error_of("${X}: 1\n")
    Path("net.yaml").write_text("base: ${X}\n")
    Path("pets.yaml").write_text("name: pets\nepochs: 1\nmodel: {spec: net.yaml}\n")
    with pytest.raises(RecipeError, match=r"no backbone is called '\$\{X\}'"):
        load_recipe("pets.yaml")


def test_a_resolved_recipe_needs_no_variable(
    in_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHOTOS", "${MISSING}")  # a value that looks like a reference
    Path("pets.yaml").write_text(RECIPE + "data: {root: '${PHOTOS}'}\nclass_weights: {'${': 2}\n")
    recipe = load_recipe("pets.yaml").recipe
    assert recipe.data.root == "${MISSING}"
    Path("resolved.yaml").write_text(recipe.to_yaml())
    monkeypatch.delenv("PHOTOS")
    assert load_recipe("resolved.yaml").recipe == recipe


@settings(max_examples=200, deadline=None)
@given(text=st.text("${}AB_:-x ", max_size=15))
def test_any_text_can_be_escaped(text: str) -> None:
    assert resolved(escaped(text), {}) == text


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    value=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
)
def test_no_value_of_a_variable_is_more_than_a_recipe_error(
    value: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "any-variable.yaml"
    path.write_text(RECIPE + "description: ${ANY_VALUE}\nseed: ${ANY_VALUE}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "ANY_VALUE", value)
        with pytest.raises(RecipeError) as caught:  # no value is a description and a seed
            load_recipe(path)
    assert all(line.startswith(str(path)) for line in str(caught.value).split("\n"))
