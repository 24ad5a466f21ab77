"""Values, and what a JSON Schema allows, in plain English."""

from typing import Any

LONGEST_SHOWN = 60
"""Characters of a value that a message shows."""


def found(value: Any) -> str:
    """What a value is, on one line: `the text "12"`, `the number 3.5`, `a list of 2`."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, str):
        return f'the text "{_printable(_cut(value))}"'
    if isinstance(value, int | float):
        # Python refuses to print very long numbers.
        long = isinstance(value, int) and abs(value) >= 10**LONGEST_SHOWN
        return f"a number of more than {LONGEST_SHOWN} digits" if long else f"the number {value!r}"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return "a section with keys of its own"
    return f"a Python object of type {type(value).__name__}"


def allowed(schema: dict[str, Any]) -> str:
    """What a JSON Schema without references takes: `a whole number from 1 to 4096, or null`.

    A schema says it itself under the key `x-allowed`.
    """
    if "x-allowed" in schema:
        return str(schema["x-allowed"])
    if "anyOf" in schema:
        return ", or ".join(map(allowed, schema["anyOf"]))
    if "const" in schema or "enum" in schema:
        choices = schema.get("enum", [schema.get("const")])
        return "one of " * (len(choices) > 1) + ", ".join(map(str, choices))
    kind = str(schema.get("type"))
    if kind in {"integer", "number"}:
        return f"{'a whole number' if kind == 'integer' else 'a number'}{_range(schema)}"
    if kind == "array":
        return _list(schema)
    keys = ", ".join(schema.get("properties", ()))
    section = f"a section with the keys {keys}" if keys else "a section whose keys are texts"
    words = {"object": section, "boolean": "true or false", "null": "null", "string": "a text"}
    return words.get(kind, "any value")


def _range(schema: dict[str, Any]) -> str:
    least, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    most, below = schema.get("maximum"), schema.get("exclusiveMaximum")
    if least is not None and most is not None:
        return f" from {_number(least)} to {_number(most)}"
    parts = [
        f"{words} {_number(bound)}"
        for words, bound in (
            ("of at least", least),
            ("above", above),
            ("at most", most),
            ("below", below),
        )
        if bound is not None
    ]
    return " " + " and ".join(parts) if parts else ""


def _list(schema: dict[str, Any]) -> str:
    fixed = schema.get("prefixItems")
    if fixed:
        return f"a list of {len(fixed)}, each {allowed(fixed[0])}"
    least, most = schema.get("minItems"), schema.get("maxItems")
    length = f" of {least} to {most}" if least is not None and most is not None else ""
    return f"a list{length}, each {allowed(schema.get('items', {}))}"


def _number(bound: float) -> str:
    return str(int(bound)) if bound == int(bound) else str(bound)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "..."


def _printable(text: str) -> str:
    """Line ends, control characters and halves of surrogate pairs as escapes."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode()
        for char in text
    )
