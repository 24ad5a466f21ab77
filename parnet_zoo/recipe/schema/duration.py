"""Lengths of time as people write them."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

_FORM = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?")
_SECONDS = (3600.0, 60.0, 1.0)
LONGEST = 366 * 24 * 3600.0
"""Seconds; a year."""
ALLOWED = "a time such as 30m, 2h, 1h30m or 90s"


def seconds_of(text: str) -> float:
    """Seconds in a text such as `1h30m`.

    Raises:
        ValueError: It is no such text, or less than a second, or more than a year.
    """
    found = _FORM.fullmatch(text)
    if not found or not any(found.groups()):
        raise ValueError(f"it must be {ALLOWED}")
    seconds = sum(
        float(number) * unit
        for number, unit in zip(found.groups(), _SECONDS, strict=True)
        if number is not None
    )
    if not 1 <= seconds <= LONGEST:
        raise ValueError(f"it must be at least a second and at most a year, {ALLOWED}")
    return seconds


def _checked(text: str) -> str:
    seconds_of(text)
    return text


Duration = Annotated[
    str,
    AfterValidator(_checked),
    Field(max_length=40, json_schema_extra={"x-allowed": ALLOWED}),
]
"""Read it with `seconds_of`."""
