"""Recipes that extend each other, as one."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from parnet_zoo.recipe.fields import keys
from parnet_zoo.recipe.overrides import NETWORK, SCALING
from registry.field_path import FieldPath

Data = dict[str, Any]


@dataclass
class Merged:
    """What several files say together.

    Attributes:
        data: Plain data.
        owners: For each field that some file gives, which of them: 0 is the recipe itself, 1 the
            one that it extends. What is inside a value that is no section belongs to the value.
    """

    data: Data = field(default_factory=dict)
    owners: dict[FieldPath, int] = field(default_factory=dict)

    def owner(self, path: FieldPath) -> int | None:
        """The file that gives a field or what it is a part of; None where none does."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.owners:
                whole = end == len(path) or not keys(path[:end])
                return self.owners[path[:end]] if whole else None
        return None

    def section_owner(self, path: FieldPath) -> int:
        """The file in which a field that none gives would stand."""
        inside = (path[:end] for end in range(len(path), 0, -1))
        return next((self.owners[part] for part in inside if part in self.owners), 0)


def merge(files: Sequence[Data]) -> Merged:
    """Lay files over each other: sections key by key, every other value as a whole.

    A network named in one takes the place of the network, and of its scaling, of those below it.

    Args:
        files: Plain data, the topmost first.
    """
    merged = Merged()
    for number, data in reversed(list(enumerate(files))):
        if _names_network(data):
            for path in (*NETWORK, SCALING):
                _drop(merged, path)
        _lay(merged, merged.data, data, (), number)
    return merged


def _lay(merged: Merged, into: Data, data: Data, path: FieldPath, number: int) -> None:
    for key, value in data.items():
        inner = (*path, key)
        is_section = isinstance(value, dict) and bool(keys(inner))
        if not (is_section and isinstance(into.get(key), dict)):
            _forget(merged, inner)
            into[key] = {} if is_section else copy.deepcopy(value)
        merged.owners[inner] = number
        if is_section:
            _lay(merged, into[key], value, inner, number)


def _names_network(data: Data) -> bool:
    model = data.get("model")
    return isinstance(model, dict) and any(model.get(str(path[-1])) is not None for path in NETWORK)


def _drop(merged: Merged, path: FieldPath) -> None:
    section = merged.data.get(str(path[0]))
    if isinstance(section, dict):
        section.pop(str(path[1]), None)
    _forget(merged, path)


def _forget(merged: Merged, path: FieldPath) -> None:
    """Nothing at or below a path belongs to anybody."""
    for owned in [owned for owned in merged.owners if owned[: len(path)] == path]:
        del merged.owners[owned]
