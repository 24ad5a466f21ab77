"""The published JSON Schema: current, in every shipped recipe's editor, and right about recipes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings

from parnet_zoo.recipe import RecipeError, load_recipe, recipe_schema, shipped_recipes
from parnet_zoo.recipe.document import parse_document
from parnet_zoo.recipe.fields import all_fields
from tests.conftest import REPOSITORY
from tests.test_recipe_output import RECIPES

SCHEMA = recipe_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
PUBLISHED = REPOSITORY / "recipes" / "recipe.schema.json"
GOOD: dict[str, Any] = {"name": "x", "epochs": 1, "model": {"name": "parnet_s"}}


def valid(data: Any) -> bool:
    """What an editor would say."""
    return VALIDATOR.is_valid(data)


def test_the_published_schema_is_the_current_one() -> None:
    assert json.loads(PUBLISHED.read_text(encoding="utf-8")) == SCHEMA, (
        "run: parnet-zoo recipes schema > recipes/recipe.schema.json"
    )


@pytest.mark.parametrize("name", shipped_recipes())
def test_every_shipped_recipe_is_valid(name: str) -> None:
    text = shipped_recipes()[name].read_text(encoding="utf-8")
    assert valid(parse_document(text, name).data)


@pytest.mark.parametrize(
    "changes",
    [
        {"epochs": 0},
        {"epochs": "3"},
        {"epochs": True},
        {"epoch": 3},
        {"name": "../pets"},
        {"version": 2},
        {"optimizer": {"nam": "adam"}},
        {"optimizer": {"name": "adamx"}},
        {"model": {"name": "parnet_s", "resolution": 5000}},
        {"model": {"name": "parnet_s", "scaling": {"channels": [24, "48"]}}},
        {"augmentation": {"brightness": [0.7]}},
        {"progressive": [{"until": 0.5}]},
        {"class_weights": {"cat": "much"}},
        {"class_weights": "balancd"},
        {"early_stopping": 5},
    ],
)
def test_a_wrong_recipe_is_not_valid_and_does_not_load(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    data = {**GOOD, **changes}
    assert valid(GOOD)
    assert not valid(data)
    (tmp_path / "x.yaml").write_text(json.dumps(data))  # JSON is YAML
    with pytest.raises(RecipeError):
        load_recipe(tmp_path / "x.yaml")


@pytest.mark.parametrize("missing", GOOD)
def test_what_a_recipe_needs_may_come_from_what_it_extends(missing: str) -> None:
    data = {key: value for key, value in GOOD.items() if key != missing}
    assert not valid(data)
    assert valid({**data, "extends": "dogcat"})
    assert not valid({**data, "extends": ["dogcat"]})


@pytest.mark.parametrize(
    "changes",
    [
        {"epochs": "${EPOCHS}"},
        {"epochs": "1${ZEROS:-00}"},
        {"name": "${USER}-pets"},
        {"deterministic": "${SAME:-true}"},
        {"precision": "${PRECISION}"},
        {"optimizer": "${OPTIMIZER}"},
        {"model": {"name": "parnet_s", "scaling": {"channels": [24, "${WIDTH}", 96]}}},
        {"model": {"name": "parnet_s", "scaling": {"channels": "${CHANNELS}"}}},
        {"augmentation": {"brightness": ["${LOW}", 1.3]}},
        {"class_weights": {"cat": "${CAT}"}},
        {"progressive": [{"until": "${PART}", "resolution": 64}]},
    ],
)
def test_a_variable_can_stand_for_any_value(changes: dict[str, Any]) -> None:
    assert valid({**GOOD, **changes})
    assert not valid({**GOOD, **json.loads(json.dumps(changes).replace("${", "$("))})


@settings(max_examples=40, deadline=None)
@given(data=RECIPES)
def test_every_recipe_that_loads_is_valid(data: dict[str, Any]) -> None:
    assert valid(data)


def test_editors_see_a_description_of_every_field_and_no_link_of_the_page() -> None:
    described = {path[-1] for path, _ in all_fields()}
    shown = json.dumps(SCHEMA)
    assert all(re.search(rf'"{key}": {{"', shown) for key in described)
    assert "](#" not in shown
    assert "x-allowed" not in shown
