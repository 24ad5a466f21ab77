"""Kinds of text that recipes hold; each says in `x-allowed` what messages and the docs print."""

from typing import Annotated

from pydantic import Field

Name = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$",
        json_schema_extra={"x-allowed": "a name of letters, digits, '_', '-' and '.'"},
    ),
]
"""A name that is also safe as a folder and as a registered model."""

Line = Annotated[
    str,
    Field(
        pattern=r"^[^\x00-\x1f\x7f]{1,1000}$",
        json_schema_extra={"x-allowed": "a text of one line"},
    ),
]
"""Anything on one line."""

FilePath = Annotated[
    str,
    Field(pattern=r"^[^\x00-\x1f\x7f]{1,1000}$", json_schema_extra={"x-allowed": "a path"}),
]
"""A path, of which it is not checked that it exists."""

FolderName = Annotated[
    str,
    Field(
        pattern=r"^[^\x00-\x1f\x7f/\\.][^\x00-\x1f\x7f/\\]{0,99}$",
        json_schema_extra={"x-allowed": "the name of a folder"},
    ),
]
"""One folder, without any separator."""

Prose = Annotated[
    str,
    Field(
        pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]{0,4000}$",
        json_schema_extra={"x-allowed": "a text of at most 4000 characters"},
    ),
]
"""Text of several lines."""
