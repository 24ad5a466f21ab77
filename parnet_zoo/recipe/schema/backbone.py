"""The backbone spec that a recipe's `model` section asks for."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

import registry
from parnet_zoo.recipe.english import found
from parnet_zoo.recipe.field_path import FieldPath
from parnet_zoo.recipe.schema.findings import Finding
from parnet_zoo.recipe.schema.model import ModelSection
from registry import BackboneSpec, RegistryError, SpecError

NAME: FieldPath = ("model", "name")
RESOLUTION: FieldPath = ("model", "resolution")
SCALING: FieldPath = ("model", "scaling")


class BackboneMisfitError(Exception):
    """The `model` section asks for a network that does not exist.

    Attributes:
        findings: Why.
    """

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__("; ".join(finding.message for finding in findings))
        self.findings = findings


def backbone_of(model: ModelSection) -> BackboneSpec:
    """The registered spec, rescaled and at the section's resolution.

    Raises:
        BackboneMisfitError: There is no such backbone, or it cannot be scaled so.
    """
    try:
        base = registry.get(model.name)
    except RegistryError as error:
        raise BackboneMisfitError([Finding(NAME, str(error), (NAME,))]) from error
    changes = model.scaling.model_dump(exclude_none=True) if model.scaling else {}
    if type(base).scaled is BackboneSpec.scaled:  # the family has no scaling rule
        return _resized(base, model, changes)
    if model.resolution is not None:
        changes["resolution"] = model.resolution
    try:
        return base.scaled(**changes)
    except (SpecError, ValidationError) as error:
        raise BackboneMisfitError(_scaling_findings(model, error)) from error


def _resized(base: BackboneSpec, model: ModelSection, changes: dict[str, Any]) -> BackboneSpec:
    if changes:
        message = f"{base.name} cannot be scaled; remove it or take a parnet"
        raise BackboneMisfitError([Finding(SCALING, message, (SCALING, NAME))])
    wanted = model.resolution
    if wanted is None or wanted == base.resolution:
        return base
    if not base.fits(wanted):
        below = wanted // base.stride * base.stride
        near = " and ".join(str(size) for size in (below, below + base.stride) if size)
        message = (
            f"{wanted} pixels do not fit; {base.name} takes multiples of {base.stride},"
            f" the nearest are {near}"
        )
        raise BackboneMisfitError([Finding(RESOLUTION, message, (RESOLUTION, NAME))])
    return base.model_copy(update={"resolution": wanted})


def _scaling_findings(model: ModelSection, error: Exception) -> list[Finding]:
    """What the spec's own validation says, at the recipe's fields."""
    given = model.scaling.model_dump(exclude_none=True) if model.scaling else {}
    scaling: list[FieldPath] = [*((*SCALING, key) for key in given), SCALING]
    reason = error if isinstance(error, ValidationError) else error.__cause__
    if not isinstance(reason, ValidationError):
        path = SCALING if given else NAME
        return [Finding(path, str(error), (path, NAME, *scaling))]
    findings = []
    for item in reason.errors():
        field = str(item["loc"][0]) if item["loc"] else "?"
        path = RESOLUTION if field == "resolution" else (*SCALING, field)
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] != "value_error":
            must = message.replace("Input should be", "it must be")
            message = f"{found(item['input'])} does not fit; {must}"
        if not given:
            message = message.replace("this network", model.name)
        findings.append(Finding(path, message, (path, *scaling, NAME)))
    return findings
