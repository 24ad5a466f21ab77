"""Plain data into a recipe, or everything that is wrong with it at once."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import ValidationError

from parnet_zoo.recipe.explain import findings_of
from parnet_zoo.recipe.fields import nearest
from parnet_zoo.recipe.schema.findings import Finding
from parnet_zoo.recipe.schema.recipe import RULES_ERROR, Recipe
from registry.field_path import FieldPath

_STAND_INS: dict[FieldPath, Any] = {
    ("name",): "recipe",
    ("epochs",): 1,
    ("model",): {"name": "parnet_s"},
    ("model", "name"): "parnet_s",
    ("model", "spec"): {"base": "parnet_s"},
}
"""Values for required fields that are wrong, so that the rules between the others can be tried."""


def check(data: dict[str, Any], broken: Iterable[FieldPath] = ()) -> Recipe | list[Finding]:
    """Validate a recipe.

    Args:
        data: The recipe as plain data.
        broken: Fields that are missing from `data` because they were reported already.

    Returns:
        The recipe, or what is wrong: each field by itself, then the rules between those fields that
        are right by themselves.
    """
    wrong = set(broken)
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        findings = findings_of(error, data)
        if _is_about_rules(error):
            return [finding for finding in findings if not _rests_on(finding, wrong)]
    findings = [finding for finding in findings if not _inside(finding.path, wrong)]
    wrong.update(finding.path for finding in findings)
    wrong.update(_meant(findings, data))
    return findings + [item for item in _rule_findings(data, wrong) if not _rests_on(item, wrong)]


def _meant(findings: list[Finding], data: dict[str, Any]) -> Iterator[FieldPath]:
    """Fields that misspelt keys were meant to be, and that are not given otherwise."""
    for finding in findings:
        field = nearest(finding.path) if finding.at_key else None
        if field is not None and not _is_given(field, data):
            yield field


def _is_given(path: FieldPath, data: Any) -> bool:
    for key in path:
        if not isinstance(data, dict) or key not in data:
            return False
        data = data[key]
    return True


def _rule_findings(data: dict[str, Any], wrong: set[FieldPath]) -> list[Finding]:
    """What the rules between fields say where the wrong fields have their defaults."""
    rest = copy.deepcopy(data)
    for path in sorted(wrong, key=len, reverse=True):
        _reset(rest, path)
    try:
        Recipe.model_validate(rest)
    except ValidationError as error:
        return findings_of(error, rest) if _is_about_rules(error) else []
    return []


def _reset(data: Any, path: FieldPath) -> None:
    # Of a list with a wrong item nothing can be said; it has its default as a whole.
    field = tuple(itertools.takewhile(lambda part: isinstance(part, str), path))
    *sections, last = field
    for key in sections:
        data = data.get(key) if isinstance(data, dict) else None
    if isinstance(data, dict):
        data.pop(last, None)
        if field in _STAND_INS:
            data[last] = copy.deepcopy(_STAND_INS[field])


def _is_about_rules(error: ValidationError) -> bool:
    return all(item["type"] == RULES_ERROR for item in error.errors())


def _rests_on(finding: Finding, wrong: set[FieldPath]) -> bool:
    return any(
        _inside(read, wrong) or any(_inside(path, {read}) for path in wrong)
        for read in finding.reads
    )


def _inside(path: FieldPath, sections: set[FieldPath]) -> bool:
    return any(path[: len(section)] == section for section in sections)
