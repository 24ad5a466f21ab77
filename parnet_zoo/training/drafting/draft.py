"""A recipe in the making: fields, each with the reason for its value."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from parnet_zoo.data.escaped import escaped as printable
from parnet_zoo.recipe.environment import escaped
from parnet_zoo.recipe.yaml_text import yaml_text

_WIDTH = 100
_INDENT = "  "


@dataclass(frozen=True)
class Choice:
    """One field.

    Attributes:
        name: Dotted, such as `model.resolution`.
        value: Plain data.
        why: The reason, as sentences or a part of one; empty where there is nothing to say.
    """

    name: str
    value: Any
    why: str = ""


@dataclass
class Draft:
    """Choices in the order in which they are written."""

    choices: list[Choice] = field(default_factory=list)

    def choose(self, name: str, value: Any, why: str = "") -> None:
        """Set a field, and say why."""
        self.choices.append(Choice(name, value, why))

    def data(self) -> dict[str, Any]:
        """The recipe as plain data."""
        tree: dict[str, Any] = {}
        for choice in self.choices:
            *sections, last = choice.name.split(".")
            place = tree
            for section in sections:
                place = place.setdefault(section, {})
            place[last] = choice.value
        return tree

    def text(self, header: Sequence[str]) -> str:
        """The recipe as YAML, with every reason as a comment above its field.

        Args:
            header: Paragraphs of the comment at the top; one that begins with a space is kept as it
                is.
        """
        blocks = ["\n#\n".join(map(_header_paragraph, header))]
        return "\n\n".join([*blocks, *self._blocks()]) + "\n"

    def _blocks(self) -> Iterator[str]:
        """One block for each top-level field; what has no reasons stays together."""
        plain: list[str] = []
        for key, value in self.data().items():
            lines = "\n".join(self._lines(key, value, key, ""))
            if "\n" in lines:
                if plain:
                    yield "\n".join(plain)
                yield lines
                plain = []
            else:
                plain.append(lines)
        if plain:
            yield "\n".join(plain)

    def _lines(self, key: str, value: Any, name: str, indent: str) -> Iterator[str]:
        why = {choice.name: choice.why for choice in self.choices}
        if reason := why.get(name):
            yield from _comment(reason, indent)
        if name not in why:  # a section, of which each field was chosen
            yield f"{indent}{key}:"
            for inner, item in value.items():
                yield from self._lines(inner, item, f"{name}.{inner}", indent + _INDENT)
        else:
            yield textwrap.indent(yaml_text({key: escaped(value)}).rstrip("\n"), indent)


def _comment(text: str, indent: str = "") -> list[str]:
    # Names of classes and folders are in it, which must not end the comment's line.
    words = textwrap.wrap(printable(text), _WIDTH - len(indent) - 2, break_on_hyphens=False)
    return [f"{indent}# {line}" for line in words]


def _header_paragraph(text: str) -> str:
    return f"# {printable(text)}" if text.startswith(" ") else "\n".join(_comment(text))
