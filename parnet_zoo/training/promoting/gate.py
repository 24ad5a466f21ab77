"""The bounds that a version must keep to become champion."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from parnet_zoo.recipe.schema.gate import GateSection


class Measured(BaseModel):
    """What a version reached.

    Attributes:
        accuracy: Top-1 on the validation images; None: not measured.
        latency_ms: Median time of one image through the served network, milliseconds.
        deploy_difference: Largest difference of a probability between the trained and the served
            form; 0 for a family that is served as it was trained.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    accuracy: float | None = None
    latency_ms: float | None = None
    deploy_difference: float | None = None

    def details(self) -> dict[str, object]:
        """By the names of the tags."""
        return dict(self.model_dump())


def failed_bounds(gate: GateSection, measured: Measured) -> tuple[str, ...]:
    """Each bound of a gate that is not kept, in words with both numbers.

    A number that was not measured, or is none, keeps no bound.
    """
    failed = []
    least, accuracy = gate.minimum_accuracy, measured.accuracy
    if least is not None and not (accuracy is not None and accuracy >= least):
        failed.append(
            f"accuracy {_shown(accuracy, '.4f')} is below register.gate.minimum_accuracy {least:g}"
        )
    longest, latency = gate.maximum_latency_ms, measured.latency_ms
    if longest is not None and not (latency is not None and latency <= longest):
        failed.append(
            f"latency {_shown(latency, '.2f')} ms is above register.gate.maximum_latency_ms"
            f" {longest:g}"
        )
    largest, difference = gate.maximum_deploy_difference, measured.deploy_difference
    if largest is not None and not (difference is not None and difference <= largest):
        failed.append(
            f"deploy difference {_shown(difference, '.2e')} is above"
            f" register.gate.maximum_deploy_difference {largest:g}"
        )
    return tuple(failed)


def _shown(value: float | None, form: str) -> str:
    return "(not measured)" if value is None else format(value, form)
