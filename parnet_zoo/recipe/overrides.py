"""Changes to a recipe from outside its file: `--set a.b=c` and keyword arguments."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parnet_zoo.recipe.document import parse_value
from parnet_zoo.recipe.errors import Problem, RecipeError
from parnet_zoo.recipe.fields import field_schema, keys, unknown_key
from parnet_zoo.recipe.file_schema import EXTENDS
from parnet_zoo.recipe.spec_document import is_spec_file
from registry.field_path import FieldPath, dotted
from registry.schema_fields import NEAR_ENOUGH

SET = "--set"
SHORTHANDS: dict[str, FieldPath] = {
    "image_size": ("model", "resolution"),
    "model": ("model", "name"),
    "data": ("data", "root"),
    "weights": ("model", "weights"),
}
"""Keyword arguments, and flags of the command line, that are fields inside a section."""
NETWORK: tuple[FieldPath, FieldPath] = (("model", "name"), ("model", "spec"))
"""The two ways to say which network; `model` as a keyword or flag is either."""
SCALING: FieldPath = ("model", "scaling")
PROGRESSIVE: FieldPath = ("progressive",)
STORED: FieldPath = ("data", "stored_resolution")
OPTIONAL_FLAGS = frozenset({*SHORTHANDS, "epochs", "batch_size"})
"""Keyword arguments for which None means that the flag was not given."""
_LONGEST_LABEL = 40
_INDEX = re.compile(r"[0-9]{1,6}", re.ASCII)
_ITEM = re.compile(rf"\[({_INDEX.pattern})\]", re.ASCII)


@dataclass(frozen=True)
class Override:
    """One field set from outside.

    Attributes:
        path: The field.
        value: Plain data.
        label: What messages call it instead of a position in the file: `--set` or `epochs=0`.
        implied: Whether nobody wrote it, but it follows from one that somebody did.
    """

    path: FieldPath
    value: Any
    label: str
    implied: bool = False


def parse_overrides(
    settings: Sequence[str], changes: Mapping[str, Any]
) -> tuple[list[Override], list[Problem]]:
    """Read `--set` texts and keyword arguments, the latter last since they win.

    Args:
        settings: Texts such as `optimizer.learning_rate=1e-3`, `model.scaling.channels=[24, 48]` or
            `model.scaling.channels.0=32`.
        changes: Top-level fields by name, and the shorthands `image_size`, `model`, `data` and
            `weights`.

    Returns:
        The overrides in the order in which they apply, and what cannot be one.
    """
    overrides: list[Override] = []
    problems: list[Problem] = []
    for setting in settings:
        try:
            overrides.extend(_from_setting(setting))
        except RecipeError as error:
            problems.extend(error.problems)
    for keyword, value in changes.items():
        overrides.extend(_from_keyword(keyword, value))
    known = [override for override in overrides if _is_known(override.path)]
    problems.extend(_unknown(override) for override in overrides if override not in known)
    return _with_implied(known), problems


def _with_implied(overrides: list[Override]) -> list[Override]:
    """A network from outside takes the place of the file's, whichever of the two ways is used.

    It is taken as it is: how the file scales its own network says nothing about this one. Where
    both ways are used from outside, both stay, for the rule that refuses them together.
    """
    given = [item for item in overrides if item.path[:2] in NETWORK and item.value is not None]
    ways = {override.path[:2] for override in given}
    every: list[Override] = []
    for override in given:
        if override.path in NETWORK:
            dropped = [SCALING, *(path for path in NETWORK if path not in ways)]
            every += [Override(path, None, override.label, implied=True) for path in dropped]
    return [*every, *_of_one_size(overrides), *overrides]


def _of_one_size(overrides: list[Override]) -> Iterator[Override]:
    """`image_size` is the size of all images, whatever sizes the file goes through on its way."""
    for override in overrides:
        if override.path == SHORTHANDS["image_size"] and override.label != SET:
            for path, value in ((PROGRESSIVE, []), (STORED, None)):
                yield Override(path, value, override.label, implied=True)


def apply(override: Override, data: dict[str, Any]) -> None:
    """Set one field or list item in plain data, making the sections that are missing or null.

    Raises:
        RecipeError: There is no such item.
    """
    path = override.path
    inside: Any = data
    for depth, key in enumerate(path[:-1], start=1):
        value = _get(inside, key)
        if isinstance(path[depth], int):
            _check_item(override, path[:depth], value, path[depth])
        # A text in the place of a section is a mistake, but not where keys are free.
        elif value is None or not (isinstance(value, dict) or keys(path[:depth])):
            value = inside[key] = {}
        if not isinstance(value, dict | list):  # the file's own mistake, which is reported as such
            return
        inside = value
    last = path[-1]
    old = _get(inside, last)
    if override.value != {} or not isinstance(old, dict):
        inside[last] = override.value


def _get(container: Any, key: str | int) -> Any:
    return container.get(key) if isinstance(container, dict) else container[key]


def _check_item(override: Override, path: FieldPath, items: Any, index: str | int) -> None:
    if isinstance(items, list) and index in range(len(items)):
        return
    if isinstance(items, list):
        message = f"there is no item {index}; {dotted(path)} has {len(items)}, counted from 0"
    else:
        message = f"the recipe has no list {dotted(path)} to change an item of; set it as a whole"
    raise RecipeError([Problem(0, 0, override.label, dotted(override.path), message)])


def _from_setting(setting: str) -> Iterator[Override]:
    name, equals, text = setting.partition("=")
    path = _path(name.strip())
    if not equals or "" in path:
        message = "write it as --set key.path=value, such as --set optimizer.learning_rate=1e-3"
        raise RecipeError([Problem(0, 0, SET, dotted((setting,)), message)])
    yield from _leaves(path, _value(text.strip(), path), SET)


def _path(name: str) -> FieldPath:
    """The field that `a.b`, `a.b.0` or `a.b[0]` means."""
    path: FieldPath = ()
    for part in _ITEM.sub(r".\1", name).split("."):
        # Some keys are numbers too, such as names of classes.
        is_item = bool(_INDEX.fullmatch(part)) and field_schema((*path, int(part))) is not None
        path = (*path, int(part) if is_item else part)
    return path


def _value(text: str, path: FieldPath) -> Any:
    try:
        return parse_value(text, SET)
    except RecipeError as error:
        raise RecipeError(
            Problem(0, 0, SET, dotted(path), problem.message) for problem in error.problems
        ) from error


def _from_keyword(keyword: str, value: Any) -> Iterator[Override]:
    if value is None and keyword in OPTIONAL_FLAGS:
        return
    plain = _plain(value)
    path: FieldPath = (keyword,)
    if keyword in SHORTHANDS and not isinstance(plain, dict):
        path = SHORTHANDS[keyword]
        if path in NETWORK and is_spec_file(plain):
            path = NETWORK[1]
    shown = str(value) if len(str(value)) <= _LONGEST_LABEL else "..."
    yield from _leaves(path, plain, f"{keyword}={shown if shown.isprintable() else '...'}")


def _leaves(path: FieldPath, value: Any, label: str) -> Iterator[Override]:
    """A section changes the keys that it has, and leaves the others."""
    if isinstance(value, dict) and value and keys(path):
        for key, inner in value.items():
            yield from _leaves((*path, key), inner, label)
    else:
        yield Override(path, value, label)


def _plain(value: Any) -> Any:
    """Python's values as YAML would give them."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _is_known(path: FieldPath) -> bool:
    return path[0] != EXTENDS and field_schema(path) is not None


def _unknown(override: Override) -> Problem:
    message = unknown_key(override.path)
    if override.path[0] == EXTENDS:
        message = "what a recipe extends only stands in its file; it cannot be set from outside"
    elif override.label != SET and len(override.path) == 1:
        near = difflib.get_close_matches(
            str(override.path[0]), [*SHORTHANDS, *keys(())], n=1, cutoff=NEAR_ENOUGH
        )
        message = f"unknown key; did you mean {near[0]}?" if near else message
    source = SET if override.label == SET else override.label
    return Problem(0, 0, source, dotted(override.path), message)
