"""Environment variables that could not be had where their values are needed."""

from __future__ import annotations

from typing import Any

from parnet_zoo.recipe.environment import Unresolved
from registry.field_path import FieldPath


def take_unresolved(data: dict[str, Any]) -> dict[FieldPath, str]:
    """Take the values that have none out of plain data, with the lists that they are in.

    Returns:
        Why, for each.
    """
    found: dict[FieldPath, str] = {}
    for key, value in list(data.items()):
        inside = dict(_unresolved(value, (key,)))
        if inside and not isinstance(value, dict):
            del data[key]
        elif inside:
            inside = {(key, *path): why for path, why in take_unresolved(value).items()}
        found |= inside
    return found


def _unresolved(value: Any, path: FieldPath) -> list[tuple[FieldPath, str]]:
    if isinstance(value, Unresolved):
        return [(path, value.message)]
    inner: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [found for key, item in inner for found in _unresolved(item, (*path, key))]
