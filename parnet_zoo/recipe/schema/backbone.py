"""The backbone spec that a recipe's `model` section asks for."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import registry
from parnet_zoo.networks.scalable_spec import LARGEST, SMALLEST
from parnet_zoo.recipe.schema.findings import Finding
from parnet_zoo.recipe.schema.model import ModelSection
from registry import BackboneSpec, FieldProblem, RegistryError, SpecError
from registry.derivation import rescaled
from registry.explain import MISSING
from registry.field_path import FieldPath

NAME: FieldPath = ("model", "name")
SPEC: FieldPath = ("model", "spec")
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
    """The registered spec or the section's own, rescaled and at the section's resolution.

    Raises:
        BackboneMisfitError: There is no such backbone, or it cannot be scaled so.
    """
    base = _base(model)
    changes = model.scaling.model_dump(exclude_none=True) if model.scaling else {}
    if model.resolution is not None:
        changes["resolution"] = model.resolution
    try:
        return rescaled(base, changes)
    except SpecError as error:
        nearest = _nearest_within_bounds(base, changes)
        raise BackboneMisfitError(_scaling_findings(model, base, error, nearest)) from error


def _nearest_within_bounds(base: BackboneSpec, changes: dict[str, Any]) -> int | None:
    """For a size that no network takes at all: the nearest that this one takes."""
    wanted = changes.get("resolution", SMALLEST)
    if SMALLEST <= wanted <= LARGEST:
        return None
    powers = [2**power for power in range(LARGEST.bit_length())]
    for side in [LARGEST] if wanted > LARGEST else [side for side in powers if side >= SMALLEST]:
        with suppress(SpecError):
            return rescaled(base, {**changes, "resolution": side}).resolution
    return None


def _base(model: ModelSection) -> BackboneSpec:
    if model.spec is None and model.name is not None:
        try:
            return registry.get(model.name)
        except RegistryError as error:
            raise BackboneMisfitError([Finding(NAME, str(error), (NAME,))]) from error
    if isinstance(model.spec, dict) and model.name is None:
        try:
            return registry.from_mapping(model.spec)
        except SpecError as error:
            raise BackboneMisfitError(_spec_findings(error)) from error
    raise BackboneMisfitError([_no_network(model)])


def _no_network(model: ModelSection) -> Finding:
    if model.spec is None:
        message = (
            "this key is missing; it must be the name of a registered backbone, or give model.spec"
        )
        return Finding(NAME, message, (NAME, SPEC))
    if model.name is not None:
        message = "model.name says which network too; keep one of the two"
        return Finding(SPEC, message, (SPEC, NAME))
    message = "a path is only read where a recipe is loaded from a file; give the spec itself"
    return Finding(SPEC, message, (SPEC,))


def _spec_findings(error: SpecError) -> list[Finding]:
    """What is wrong with the section's own spec, at its fields."""
    findings = []
    for problem in error.problems or [FieldProblem((), str(error))]:
        path = (*SPEC, *problem.path)
        # What is missing may have been there, but broken.
        reads = (path, SPEC) if problem.message.startswith(MISSING) else (path,)
        findings.append(Finding(path, problem.message, reads, at_key=problem.at_key))
    return findings


def _scaling_findings(
    model: ModelSection, base: BackboneSpec, error: SpecError, nearest: int | None
) -> list[Finding]:
    """What the spec's own validation says, at the recipe's fields."""
    given: dict[str, Any] = model.scaling.model_dump(exclude_none=True) if model.scaling else {}
    network = NAME if model.spec is None else SPEC
    read = (*((*SCALING, key) for key in given), SCALING, network)
    findings = []
    for problem in error.problems or [FieldProblem((), str(error))]:
        path: FieldPath = (*SCALING, *problem.path) if given else network
        message = problem.message
        if problem.path == ("resolution",):
            path = RESOLUTION
            if nearest is not None:
                message = (
                    f"{model.resolution} pixels do not fit; networks take {SMALLEST} to {LARGEST},"
                    f" and the nearest size that this network takes is {nearest}"
                )
        elif type(base).scaled is BackboneSpec.scaled:  # the family has no scaling rule
            message += "; without model.scaling it is taken as it is"
        if not given:
            message = message.replace("this network", base.name)
        findings.append(Finding(path, message, (path, *read), at_key=problem.at_key))
    return findings
