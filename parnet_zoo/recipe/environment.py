"""Environment variables in the values of a recipe: `${NAME}` and `${NAME:-default}`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MARK = "${"
"""What begins a reference; `$${` stands for these two characters themselves."""
REFERENCE = r"\$\{[A-Za-z_][A-Za-z0-9_]*(?::-[^}]*)?\}"
"""Regular expression of one reference, as Python and JavaScript read it."""

_LITERAL = "$" + MARK
_ANY = re.compile(
    r"\$\$\{|\$\{(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\})?", re.ASCII
)
_ONE = re.compile(REFERENCE, re.ASCII)


@dataclass(frozen=True)
class Unresolved:
    """Stands in a document's data for a value whose variable cannot be had.

    It is a mistake only where nothing takes the value's place.

    Attributes:
        message: Why, and what to do.
    """

    message: str


def resolved(text: str, environment: Mapping[str, str]) -> str | Unresolved:
    """A text with the values of its variables in the places of their references.

    A default counts where the variable is not set, or is empty, as in a shell.

    Args:
        text: With `${NAME}`, `${NAME:-default}` and `$${` in it.
        environment: The variables.
    """
    missing: list[str] = []
    malformed = False

    def value(found: re.Match[str]) -> str:
        nonlocal malformed
        if found[0] == _LITERAL:
            return MARK
        name, default = found["name"], found["default"]
        if name is None:
            malformed = True
        elif default is not None:
            return environment.get(name) or default
        elif name not in environment:
            missing.append(name)
        return environment.get(name or "", "")

    result = _ANY.sub(value, text)
    if malformed:
        return Unresolved(
            "what begins with ${ is an environment variable: write ${NAME} or ${NAME:-default}, or"
            " $${ where these characters themselves are meant"
        )
    return Unresolved(_not_set(missing)) if missing else result


def is_reference(text: str) -> bool:
    """Whether a text is one reference and nothing else."""
    return _ONE.fullmatch(text) is not None


def escaped(value: Any) -> Any:
    """Plain data with `${` in its texts written so that reading gives it back."""
    if isinstance(value, dict):
        return {key: escaped(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [escaped(item) for item in value]
    return value.replace(MARK, _LITERAL) if isinstance(value, str) else value


def _not_set(names: list[str]) -> str:
    first, *others = dict.fromkeys(names)
    if others:
        return f"the environment variables {', '.join([first, *others])} are not set; set them"
    return (
        f"the environment variable {first} is not set; set it, or write ${{{first}:-...}} with what"
        " holds without it"
    )
