"""The version of the format, as a recipe writes it."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator


def _whole_number(value: Any) -> Any:
    # To Python, and so to pydantic, `true` and 1.0 are 1.
    if value == 1 and type(value) is not int:
        raise ValueError("it must be 1")
    return value


FormatVersion = Annotated[Literal[1], BeforeValidator(_whole_number)]
