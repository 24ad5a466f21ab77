"""The blocks of ParNet in training form: parallel convolutions, each with its own BatchNorm."""

from __future__ import annotations

from typing import Any

from keras import layers

from parnet_zoo.networks.activation import activation_layer
from parnet_zoo.networks.batch_norm import BatchNorm
from parnet_zoo.networks.conv import Conv2D
from parnet_zoo.networks.halves_conv import HalvesConv2D
from parnet_zoo.networks.interleave import Interleave
from parnet_zoo.networks.topology import BlockPlan


def block(plan: BlockPlan, inputs: list[Any], activation: str) -> Any:
    """Apply the block of a plan.

    Args:
        plan: What to build; its layers are named `{plan.name}_...`.
        inputs: One map of shape (n, h, w, c) for each of `plan.inputs`.
        activation: "silu" or "relu".

    Returns:
        The block's output, (n, h / stride, w / stride, `plan.out_channels`).
    """
    if plan.kind == "stream":
        return _stream_block(plan, inputs[0], activation)
    if plan.kind == "fusion":
        return _fusion_block(plan, inputs, activation)
    return _gated_block(plan, inputs[0], activation)


def _stream_block(plan: BlockPlan, x: Any, activation: str) -> Any:
    """The RepVGG-SSE block: 3x3, 1x1 and a gated identity, summed."""
    identity = BatchNorm(name=f"{plan.name}_identity_bn")(x)
    gate = _gate(plan, identity)
    gated = layers.Multiply(name=f"{plan.name}_gated")([identity, gate])
    return _activated(plan, [*_convolutions(plan, x), gated], activation)


def _fusion_block(plan: BlockPlan, inputs: list[Any], activation: str) -> Any:
    """Interleave a stream with the result before, reduce on two halves, shuffle."""
    stream, previous = inputs
    x = Interleave(name=f"{plan.name}_interleave")(
        (
            BatchNorm(name=f"{plan.name}_stream_bn")(stream),
            BatchNorm(name=f"{plan.name}_previous_bn")(previous),
        )
    )
    x = _gated_block(plan, x, activation)
    half = plan.out_channels // 2
    return Interleave(name=f"{plan.name}_shuffle")((x[..., :half], x[..., half:]))


def _gated_block(plan: BlockPlan, x: Any, activation: str) -> Any:
    """Stem, enter, merge and final: (3x3 + 1x1), scaled by twice a gate on the block's input."""
    total = layers.Add(name=f"{plan.name}_sum")(_convolutions(plan, x))
    gate = layers.Rescaling(2.0, name=f"{plan.name}_gate_twice")(_gate(plan, x))
    gated = layers.Multiply(name=f"{plan.name}_gated")([total, gate])
    return activation_layer(activation, f"{plan.name}_{activation}")(gated)


def _convolutions(plan: BlockPlan, x: Any) -> list[Any]:
    """The 3x3 and the 1x1 branch, each normalised."""
    # Keras' "same" pads bottom and right only at stride 2; the paper's network pads all around.
    padded = layers.ZeroPadding2D(1, name=f"{plan.name}_dense_pad")(x)
    dense = _convolution(plan, "dense", 3, strides=plan.stride)(padded)
    if plan.stride > 1:
        x = layers.AveragePooling2D(plan.stride, name=f"{plan.name}_pointwise_pool")(x)
    pointwise = _convolution(plan, "pointwise", 1)(x)
    return [
        BatchNorm(name=f"{plan.name}_dense_bn")(dense),
        BatchNorm(name=f"{plan.name}_pointwise_bn")(pointwise),
    ]


def _gate(plan: BlockPlan, x: Any) -> Any:
    """Squeeze and excite without a bottleneck: sigmoid(W GAP(x)), (n, 1, 1, c)."""
    pooled = layers.GlobalAveragePooling2D(keepdims=True, name=f"{plan.name}_gate_pool")(x)
    return _convolution(plan, "gate", 1, activation="sigmoid")(pooled)


def _activated(plan: BlockPlan, terms: list[Any], activation: str) -> Any:
    total = layers.Add(name=f"{plan.name}_sum")(terms)
    return activation_layer(activation, f"{plan.name}_{activation}")(total)


def _convolution(plan: BlockPlan, role: str, kernel: int, **options: Any) -> Any:
    kind = HalvesConv2D if plan.groups > 1 else Conv2D
    return kind(
        plan.out_channels,
        kernel,
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"{plan.name}_{role}_conv",
        **options,
    )
