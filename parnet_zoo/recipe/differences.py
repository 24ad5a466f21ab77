"""The fields in which two recipes differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from parnet_zoo.recipe.fields import keys
from parnet_zoo.recipe.schema.recipe import Recipe
from registry.field_path import FieldPath, dotted


@dataclass(frozen=True)
class Difference:
    """One field in which two recipes differ.

    Attributes:
        field: Its dotted name.
        first: Its value in the first recipe as plain data; None also where the section that it is
            part of is null.
        second: Likewise in the second.
    """

    field: str
    first: Any
    second: Any


def differences(first: Recipe, second: Recipe) -> list[Difference]:
    """The fields in which two whole recipes differ, in the order of the recipe."""
    one, other = first.model_dump(mode="json"), second.model_dump(mode="json")
    return list(_differences(one, other, ()))


def _differences(
    first: Mapping[str, Any] | None, second: Mapping[str, Any] | None, section: FieldPath
) -> Iterator[Difference]:
    for key in keys(section):
        path = (*section, key)
        one, other = (None if data is None else data.get(key) for data in (first, second))
        if one == other:
            continue
        inside = list(_differences(one, other, path)) if keys(path) else []
        # A section of which all is null differs from none only as a whole.
        yield from inside or [Difference(dotted(path), one, other)]
