"""What spec classes of scalable families share: one resolution, names that say what changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from registry import MAX_NAME, BackboneSpec, FieldProblem, SpecError, validated
from registry.schema_fields import near_key

SMALLEST, LARGEST = 8, 4096
"""Height and width in pixels that a spec takes."""
MAX_FACTOR = 64
MAX_MULTIPLE = 256
WIDTH_MULTIPLE = 8
"""Derived channel counts are rounded to a multiple of this."""
_DIGEST = 12
"""Hexadecimal digits that stand for the rest of a name that would be too long."""


class ScalableSpec(BackboneSpec):
    """A backbone whose size is a model of its own, `scaling`, which knows the resolution.

    Attributes:
        scaling: Widths, depths and the rest; it has a field `resolution`.
    """

    scaling: Any

    @model_validator(mode="before")
    @classmethod
    def _resolution_is_given_once(cls, data: Any) -> Any:
        """Hand the resolution down to the scaling, or take it from there."""
        if not isinstance(data, dict):
            return data
        scaling = data.get("scaling")
        inside = vars(scaling) if isinstance(scaling, BaseModel) else scaling
        if not isinstance(inside, dict):
            return data
        # A wrong value stays where it is, so that it is reported once.
        if "resolution" not in data and _is_resolution(inside.get("resolution")):
            return {**data, "resolution": inside["resolution"]}
        if "resolution" not in inside and _is_resolution(data.get("resolution")):
            return {**data, "scaling": {**inside, "resolution": data["resolution"]}}
        return data

    @model_validator(mode="after")
    def _one_resolution(self) -> Self:
        if self.resolution != self.scaling.resolution:
            raise SpecError(
                f"resolution {self.resolution} differs from scaling.resolution"
                f" {self.scaling.resolution}; give it once"
            )
        return self

    def with_scaling(self, scaling: Any, name: str) -> Self:
        """The same family at another size, derived from this spec.

        Raises:
            SpecError: The name is none.
        """
        fields = {
            "name": name,
            "family": self.family,
            "builder": self.builder,
            "coster": self.coster,
            "source": f"derived from {self.name}",
            "limits": self.limits,
            "scaling": scaling,
        }
        return validated(type(self), fields, self.name)


def _is_resolution(value: Any) -> bool:
    return type(value) is int and SMALLEST <= value <= LARGEST


class Rescaling(BaseModel):
    """A factor on all widths of a network, and what the results are rounded to.

    Attributes:
        width: The factor; 1 leaves every width as it is, rounded or not.
        multiple: Results are rounded to multiples of it, and are at least as much. It is even,
            since a fusion works on two halves.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    width: float = Field(default=1.0, gt=0, le=MAX_FACTOR)
    multiple: int = Field(
        default=WIDTH_MULTIPLE,
        ge=2,
        le=MAX_MULTIPLE,
        multiple_of=2,
        json_schema_extra={"x-allowed": f"an even number from 2 to {MAX_MULTIPLE}"},
    )

    def rounded(self, channels: int) -> int:
        """So many channels times the factor."""
        if self.width == 1.0:
            return channels
        return max(self.multiple, round(channels * self.width / self.multiple) * self.multiple)

    @property
    def name_parts(self) -> list[str]:
        """What a derived name says of it: `w1.25`, or `w1.25m16` where the multiple is not 8."""
        if self.width == 1.0:
            return []
        multiple = "" if self.multiple == WIDTH_MULTIPLE else f"m{self.multiple}"
        return [f"w{digits(self.width)}{multiple}"]


def check_settings(spec: BackboneSpec, changes: Iterable[str], scaling: type[BaseModel]) -> None:
    """Refuse a change that is no field of a family's scaling spec.

    Raises:
        SpecError: With the nearest field, or all that there are.
    """
    there = [*Rescaling.model_fields, *scaling.model_fields]
    problems = [
        FieldProblem((key,), f"{spec.family} has no such setting; {near_key(key, there)}", True)
        for key in changes
        if key not in scaling.model_fields
    ]
    if problems:
        raise SpecError.about(spec.name, problems)


def name_of_parts(base: str, parts: Iterable[str]) -> str:
    """The base's name and what changed, as in `parnet_s+w1.25+r256`; a digest where too long."""
    name = "+".join([base, *parts])
    if len(name) <= MAX_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_DIGEST]
    return f"{name[: MAX_NAME - _DIGEST - 1]}+{digest}"


def digits(number: float) -> str:
    """The number as short as it can be said without taking it for another."""
    short = f"{number:g}"
    return short if float(short) == number else repr(number)
