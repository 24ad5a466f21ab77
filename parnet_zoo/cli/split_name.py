"""The option `--split` of the commands that measure on pictures."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, TypeAlias

import typer


class _SplitName(StrEnum):
    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"
    ALL = "all"


SplitOption: TypeAlias = Annotated[
    _SplitName | None,
    typer.Option(
        "--split",
        help="Which pictures; the test pictures if not given, or all where there are no splits.",
        show_default=False,
    ),
]
