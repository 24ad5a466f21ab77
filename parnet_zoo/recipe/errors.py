"""The error that names every mistake in a recipe, one line each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from parnet_zoo.errors import UsageError

MOST_SHOWN = 100
"""Mistakes that the message of one error lists; a file of rubbish has thousands."""


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake in a recipe.

    Attributes:
        line: Line in the file, from 1; 0 for an override or the file as a whole.
        column: Column in the file in characters, from 1; 0 likewise.
        source: The file as the user named it, or the override, such as `--set` or `epochs=0`.
        field: Dotted name of the field; empty when the file as a whole is meant.
        message: What is wrong, then what is allowed or nearest.
    """

    line: int
    column: int
    source: str
    field: str
    message: str

    def __str__(self) -> str:
        """`file:line:column field: message`."""
        place = f"{self.source}:{self.line}:{self.column}" if self.line else self.source
        return f"{place} {self.field}: {self.message}" if self.field else f"{place}: {self.message}"

    def as_json(self) -> dict[str, Any]:
        """Plain data for programs.

        Returns:
            `file` (the file, or what stands in its place, such as `--set`), `line` and `column`
            (null where there is none), `field` (null where the whole file is meant) and `message`.
        """
        return {
            "file": self.source,
            "line": self.line or None,
            "column": self.column or None,
            "field": self.field or None,
            "message": self.message,
        }


class RecipeError(UsageError):
    """A recipe cannot be used; the message has one line for each mistake.

    Attributes:
        problems: The mistakes: those of each file from top to bottom, after those of overrides.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(dict.fromkeys(problems), key=_place))
        lines = [str(problem) for problem in self.problems[:MOST_SHOWN]]
        if len(self.problems) > MOST_SHOWN:
            lines.append(f"... and {len(self.problems) - MOST_SHOWN} more mistakes")
        super().__init__("\n".join(lines))

    def as_json(self) -> dict[str, Any]:
        """Every mistake for programs, under the key `errors`."""
        return {"errors": [problem.as_json() for problem in self.problems]}


def _place(problem: Problem) -> tuple[object, ...]:
    """What comes first: overrides, then file by file, each from top to bottom."""
    return bool(problem.line), problem.source, problem
