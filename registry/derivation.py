"""A spec given by a registered one and what differs from it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from registry.catalog import get
from registry.errors import FieldProblem, SpecError, UnknownBackboneError
from registry.field_path import FieldPath
from registry.spec import BackboneName, BackboneSpec
from registry.validated import validated


class Derivation(BaseModel):
    """What `scaled` of a registered backbone is to be given.

    Attributes:
        base: Name of the registered backbone.
        name: Name of the result; by default the base's and what changed.
        resolution: Height and width in pixels; the base's by default.
        scaling: Further arguments of the family's `scaled`, such as `width` and `branches`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    base: str = Field(
        description="Name of a registered backbone.",
        json_schema_extra={"x-allowed": "the name of a registered backbone"},
    )
    name: BackboneName | None = Field(
        default=None, description="Its name; by default the base's and what changed."
    )
    resolution: int | None = Field(
        default=None, ge=8, le=4096, strict=True, description="Height and width in pixels."
    )
    scaling: dict[str, Any] = Field(
        default_factory=dict, description="What differs, as the family's `scaled` takes it."
    )

    def spec(self) -> BackboneSpec:
        """The derived spec.

        Raises:
            SpecError: There is no such base, or it cannot be changed so.
        """
        try:
            base = get(self.base)
        except UnknownBackboneError as error:
            problem = FieldProblem(("base",), str(error))
            raise SpecError.about(self.name or "this spec", [problem]) from error
        label = self.name or self.base
        changes = self._changes(label)
        try:
            derived = rescaled(base, changes)
        except SpecError as error:
            problems = [
                FieldProblem(_place(problem.path), problem.message, problem.at_key)
                for problem in error.problems
            ]
            if not problems:
                raise
            raise SpecError.about(label, problems) from error
        if self.name in (None, derived.name):
            return derived
        return validated(type(derived), {**derived.model_dump(), "name": self.name}, label)

    def _changes(self, label: str) -> dict[str, Any]:
        """Keyword arguments of the base's `scaled`."""
        outside = [key for key in ("name", "resolution") if key in self.scaling]
        if outside:
            message = "it stands beside scaling, not in it"
            raise SpecError.about(
                label, [FieldProblem(("scaling", outside[0]), message, at_key=True)]
            )
        given = {} if self.resolution is None else {"resolution": self.resolution}
        return {**self.scaling, **given}


def rescaled(base: BackboneSpec, changes: Mapping[str, Any]) -> BackboneSpec:
    """What `scaled` of any family gives for changes that come from a file.

    Raises:
        SpecError: The family does not scale so.
    """
    if not changes:
        return base
    try:
        inspect.signature(type(base).scaled).bind(base, **changes)
    except TypeError as error:  # a family whose `scaled` knows fewer words
        message = f"the family {base.family!r} is not scaled so: {error}"
        raise SpecError.about(base.name, [FieldProblem((), message)]) from error
    return base.scaled(**changes)


def _place(path: FieldPath) -> FieldPath:
    """Where an argument of `scaled` was given."""
    return path if path[:1] == ("resolution",) else ("scaling", *path)
