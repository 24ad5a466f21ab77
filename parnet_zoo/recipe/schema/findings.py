"""What is wrong with a recipe's values, before it is known where they came from."""

from dataclasses import dataclass

from registry.field_path import FieldPath


@dataclass(frozen=True)
class Finding:
    """One mistake in a recipe's values.

    Attributes:
        path: The field.
        message: What is wrong, then what is allowed or nearest.
        reads: Every field that the judgement rests on, likeliest culprit first.
        at_key: Whether the key itself is wrong, not its value.
    """

    path: FieldPath
    message: str
    reads: tuple[FieldPath, ...] = ()
    at_key: bool = False
