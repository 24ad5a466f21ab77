"""What a network costs, from its spec alone."""

from __future__ import annotations

from registry import Cost, SpecError

from .spec import ExampleCnnSpec


def cost(
    spec: ExampleCnnSpec,
    *,
    resolution: int | None = None,
    num_classes: int | None = 1000,
    form: str = "training",
) -> Cost:
    """Count the layers of `network.py`, training form or deploy form, at batch 1.

    Raises:
        SpecError: The network does not take that resolution.
    """
    side = spec.resolution if resolution is None else resolution
    if not spec.fits(side):
        raise SpecError(f"{spec.name} takes multiples of {spec.stride}, not {side}")
    parameters = non_trainable = multiply_adds = activations = 0
    reads = spec.in_channels
    for gives in spec.channels:
        activations += (side + 2) ** 2 * reads  # padded
        side //= 2
        weights = 9 * reads * gives
        # the convolution's output and the activated one, and BatchNorm's between them
        activations += side**2 * gives * (3 if form == "training" else 2)
        parameters += weights + gives * (2 if form == "training" else 1)
        non_trainable += 2 * gives if form == "training" else 0
        multiply_adds += weights * side**2
        reads = gives
    if num_classes is not None:
        parameters += (reads + 1) * num_classes
        multiply_adds += reads * num_classes
        activations += reads * (2 if form == "training" else 1) + num_classes
    return Cost(
        parameters=parameters,
        non_trainable=non_trainable,
        multiply_adds=multiply_adds,
        activation_bytes=4 * activations,
    )
