"""The error that names every mistake in a recipe, one line each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

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


class RecipeError(UsageError):
    """A recipe cannot be used; the message has one line for each mistake.

    Attributes:
        problems: The mistakes: those of the file from top to bottom, after those of overrides.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(dict.fromkeys(problems)))
        lines = [str(problem) for problem in self.problems[:MOST_SHOWN]]
        if len(self.problems) > MOST_SHOWN:
            lines.append(f"... and {len(self.problems) - MOST_SHOWN} more mistakes")
        super().__init__("\n".join(lines))
