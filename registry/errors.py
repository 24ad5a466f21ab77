"""The errors of the registry, each for a person to read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from registry.field_path import FieldPath, dotted


@dataclass(frozen=True)
class FieldProblem:
    """What is wrong with one field.

    Attributes:
        path: The field; empty when all of the data is meant.
        message: What is wrong, then what fits.
        at_key: Whether the key itself is wrong, not its value.
    """

    path: FieldPath
    message: str
    at_key: bool = False

    def __str__(self) -> str:
        """`field: message`."""
        return f"{dotted(self.path)}: {self.message}" if self.path else self.message


class RegistryError(Exception):
    """Something about a backbone, its spec or its plugin is wrong."""


class SpecError(RegistryError, ValueError):
    """A spec cannot do what was asked of it.

    Attributes:
        problems: The fields that are wrong, where the error is about fields.
    """

    def __init__(self, message: str, problems: Iterable[FieldProblem] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)

    @classmethod
    def about(cls, label: str, problems: Iterable[FieldProblem]) -> Self:
        """One sentence about all wrong fields of what `label` names."""
        problems = tuple(problems)
        return cls(f"{label}: {'; '.join(map(str, problems))}", problems)


class UnknownBackboneError(RegistryError, KeyError):
    """No backbone of that name is registered; the message names the nearest."""

    def __str__(self) -> str:
        return str(self.args[0])  # KeyError would show the quoted repr


class DuplicateNameError(RegistryError):
    """Two plugins claim one name; the message names both."""
