"""Whether classes stay what they are in a mirror, as far as their names tell."""

from __future__ import annotations

import re
from collections.abc import Sequence

_SIDES = frozenset(
    {"left", "right", "leftward", "rightward", "leftwards", "rightwards", "lefthand", "righthand"}
    | {"clockwise", "counterclockwise", "anticlockwise", "cw", "ccw", "port", "starboard"}
    | {"links", "rechts", "gauche", "droite", "izquierda", "derecha", "sinistra", "destra"}
)
_SIGNS = frozenset(
    {"digit", "digits", "letter", "letters", "number", "numbers", "character", "characters"}
    | {"char", "glyph", "glyphs", "arrow", "arrows", "text", "word", "words"}
)
_NUMBERS = frozenset(
    {"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"}
)
_SHOWN = 3
_SYMBOL = re.compile(r"\d{1,4}|[^\W\d_]")
_TOKEN = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\dA-Z_]+|\d+")


def why_not_mirrored(classes: Sequence[str]) -> str | None:
    """Why pictures of these classes should not be mirrored: half a sentence; None if they may be.

    Args:
        classes: Their names.
    """
    if all(_SYMBOL.fullmatch(name) for name in classes):
        return f"the classes are called {_some(classes)}: a mirrored digit or letter is another one"
    if all(name.lower() in _NUMBERS for name in classes):
        return f"the classes are numbers ({_some(classes)}), and a mirrored one is another or none"
    sides = [name for name in classes if _tokens(name) & _SIDES]
    if sides:
        return f"the class {sides[0]} is another one in the mirror"
    signs = [name for name in classes if _tokens(name) & _SIGNS]
    if signs:
        return f"the class {signs[0]} sounds like signs, which are others in the mirror"
    return None


def _tokens(name: str) -> set[str]:
    return {token.lower() for token in _TOKEN.findall(name)}


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
