"""What a plain YAML scalar means: YAML 1.2's core schema."""

import re

Scalar = str | int | float | bool | None

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_DECIMAL = re.compile(r"[-+]?[0-9]+")
_OTHER_BASE = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL_FLOAT = re.compile(r"([-+]?)\.(inf|Inf|INF)|\.(nan|NaN|NAN)")

# Python refuses to read decimal integers of more than 4,300 digits and to print hexadecimal ones of
# that size. Nothing this long is meant as a number.
_LONGEST_NUMBER = 100


def resolve_scalar(text: str) -> Scalar:
    """The value of an unquoted scalar.

    As in YAML 1.2, `1e-3` is a number, and `yes`, `no`, `on`, `off`, `1_000`, `12:30` and dates are
    text, which YAML 1.1 (PyYAML's own) has otherwise.
    """
    if text in _WORDS:
        return _WORDS[text]
    if len(text) > _LONGEST_NUMBER:
        return text
    if _DECIMAL.fullmatch(text) or _OTHER_BASE.fullmatch(text):
        return int(text, 0 if text[1:2] in {"o", "x"} else 10)
    if _FLOAT.fullmatch(text):
        return float(text)
    if special := _SPECIAL_FLOAT.fullmatch(text):
        return float(text.replace(".", "", 1)) if special[2] else float("nan")
    return text
