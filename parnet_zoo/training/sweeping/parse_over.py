"""`--over FIELD=VALUES` read."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

from parnet_zoo.recipe import Problem, RecipeError
from parnet_zoo.recipe.document import parse_value
from parnet_zoo.recipe.fields import field_schema, unknown_key
from parnet_zoo.recipe.scalars import resolve_scalar
from parnet_zoo.training.sweeping.dimension import Choices, Dimension, Range
from registry.field_path import FieldPath

OVER = "--over"
EXAMPLE = "optimizer.learning_rate=1e-3,3e-4 or optimizer.learning_rate=log:1e-4..1e-2"
MOST_CHOICES = 1000
_NUMBER = r"[-+]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
_RANGE = re.compile(rf"(log:)?\s*({_NUMBER})\s*\.\.\s*({_NUMBER})\s*(?::\s*({_NUMBER}))?")
_PAIRS = {"[": "]", "{": "}"}


def parse_over(texts: Sequence[str]) -> tuple[Dimension, ...]:
    """Read what a sweep varies.

    Args:
        texts: Such as `model.name=parnet_s,parnet_m`, values as `--set` takes them, or
            `optimizer.learning_rate=log:1e-4..1e-2`, `epochs=10..30` and
            `model.resolution=64..128:32` for numbers between two, the last in steps.

    Raises:
        RecipeError: With every text that is wrong.
    """
    found: list[Dimension] = []
    problems: list[Problem] = []
    for text in texts:
        try:
            dimension = _dimension(text)
        except RecipeError as error:
            problems += error.problems
            continue
        if any(dimension.field == other.field for other in found):
            problems.append(_problem(dimension.field, "given twice; keep one of the two"))
        found.append(dimension)
    if not texts:
        problems.append(_problem("", f"a sweep varies something: {OVER} {EXAMPLE}"))
    if problems:
        raise RecipeError(problems)
    return tuple(found)


def _dimension(text: str) -> Dimension:
    name, equals, values = (part.strip() for part in text.partition("="))
    if not equals or not name or not values:
        raise RecipeError([_problem(name, f"write it as {OVER} {EXAMPLE}")])
    path = _path(name)
    if field_schema(path) is None:
        raise RecipeError([_problem(name, unknown_key(path))])
    if found := _RANGE.fullmatch(values):
        return _range(name, path, found)
    return _choices(name, values)


def _path(name: str) -> FieldPath:
    path: FieldPath = ()
    for part in name.split("."):
        # Some keys are numbers too, such as names of classes.
        is_item = part.isascii() and part.isdigit() and field_schema((*path, int(part))) is not None
        path = (*path, int(part) if is_item else part)
    return path


def _range(name: str, path: FieldPath, found: re.Match[str]) -> Range:
    types = set(_types(field_schema(path)))
    if not types & {"integer", "number"}:
        message = "a range is for numbers; write the values one by one: A,B,C"
        raise RecipeError([_problem(name, message)])
    numbers: list[Any] = [resolve_scalar(text) for text in found.groups()[1:] if text is not None]
    whole = "number" not in types
    if wrong := _wrong_range(numbers, whole=whole, log=bool(found[1])):
        raise RecipeError([_problem(name, wrong)])
    low, high, *steps = (float(number) for number in numbers)
    return Range(name, low, high, whole, bool(found[1]), steps[0] if steps else None)


def _wrong_range(numbers: list[Any], *, whole: bool, log: bool) -> str | None:
    """Why these are not the ends, and the step, of a range."""
    kinds = (int,) if whole else (int, float)
    if not all(isinstance(number, kinds) and math.isfinite(number) for number in numbers):
        return f"a range of this field has {'whole numbers' if whole else 'numbers'} at its ends"
    low, high, *step = numbers
    if low >= high:
        return f"a range goes from its least number to its greatest: {high}..{low}"
    if log:
        wrong = "a range has either log: or a step" if step else None
        return "a range with log: has numbers above 0" if low <= 0 else wrong
    if step and not 0 < step[0] <= high - low:
        return f"the step {step[0]} does not fit between {low} and {high}"
    if step and (high - low) / step[0] >= MOST_CHOICES:
        return f"these are more than {MOST_CHOICES} values; take a larger step"
    return None


def _types(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("type"), str):
            yield schema["type"]
        for inner in schema.get("anyOf", ()):
            yield from _types(inner)


def _choices(name: str, values: str) -> Choices:
    found: list[Any] = []
    for text in _split(values):
        try:
            value = parse_value(text, OVER)
        except RecipeError as error:
            problems = [_problem(name, problem.message) for problem in error.problems]
            raise RecipeError(problems) from error
        if not text or any(value == other and type(value) is type(other) for other in found):
            what = "a value is missing beside a comma" if not text else f"{text} is there twice"
            raise RecipeError([_problem(name, what)])
        found.append(value)
    if len(found) > MOST_CHOICES:
        raise RecipeError([_problem(name, f"these are more than {MOST_CHOICES} values")])
    return Choices(name, tuple(found))


def _split(text: str) -> Iterator[str]:
    """The parts between commas that are in no brackets and no quotes."""
    closing: list[str] = []
    begun = 0
    for place, character in enumerate(text):
        if closing and closing[-1] in "'\"":
            if character == closing[-1]:
                closing.pop()
        elif character in "'\"" and not text[begun:place].strip(" [{,:"):
            closing.append(character)
        elif character in _PAIRS:
            closing.append(_PAIRS[character])
        elif closing and character == closing[-1]:
            closing.pop()
        elif character == "," and not closing:
            yield text[begun:place].strip()
            begun = place + 1
    yield text[begun:].strip()


def _problem(field: str, message: str) -> Problem:
    return Problem(0, 0, OVER, field, message)
