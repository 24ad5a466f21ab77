"""The blocks of the blog's network in training form."""

from __future__ import annotations

from typing import Any

from keras import layers

from parnet_zoo.networks.activation import activation_layer
from parnet_zoo.networks.batch_norm import BatchNorm
from parnet_zoo.networks.conv import Conv2D
from parnet_zoo.networks.halves_conv import HalvesConv2D
from parnet_zoo.networks.interleave import Interleave
from parnet_zoo.networks.topology import BlockPlan

# Keras' defaults, which the blog left as they are.
EPSILON = 1e-3
MOMENTUM = 0.99


def blog_block(plan: BlockPlan, inputs: list[Any], activation: str) -> Any:
    """Apply the block of a plan.

    Args:
        plan: What to build; its layers are named `{plan.name}_...`, with the roles that they have
            in ParNet.
        inputs: One map of shape (n, h, w, c) for each of `plan.inputs`.
        activation: "silu" or "relu".

    Returns:
        The block's output, (n, h / stride, w / stride, `plan.out_channels`).
    """
    if plan.kind == "stream":
        return _stream_block(plan, inputs[0], activation)
    if plan.kind == "fusion":
        return _fusion_block(plan, inputs, activation)
    return _downsample_block(plan, inputs[0], activation)


def _stream_block(plan: BlockPlan, x: Any, activation: str) -> Any:
    """3x3, 1x1 and a gated identity, summed."""
    identity = _norm(plan, "identity", x)
    gate = _gate(plan, identity, use_bias=True)
    gated = layers.Multiply(name=f"{plan.name}_gated")([identity, gate])
    total = layers.Add(name=f"{plan.name}_sum")([*_convolutions(plan, x), gated])
    return activation_layer(activation, f"{plan.name}_{activation}")(total)


def _fusion_block(plan: BlockPlan, inputs: list[Any], activation: str) -> Any:
    """Interleave the result before with a stream, reduce on two halves; nothing is shuffled."""
    previous, stream = inputs
    x = Interleave(name=f"{plan.name}_interleave")(
        (_norm(plan, "previous", previous), _norm(plan, "stream", stream))
    )
    return _gated_block(plan, x, activation, gate_bias=True)


def _downsample_block(plan: BlockPlan, x: Any, activation: str) -> Any:
    return _gated_block(plan, x, activation, gate_bias=False)


def _gated_block(plan: BlockPlan, x: Any, activation: str, *, gate_bias: bool) -> Any:
    """(3x3 + 1x1), scaled by a gate on the block's input; the gate is not doubled."""
    total = layers.Add(name=f"{plan.name}_sum")(_convolutions(plan, x))
    gate = _gate(plan, x, use_bias=gate_bias)
    gated = layers.Multiply(name=f"{plan.name}_gated")([total, gate])
    return activation_layer(activation, f"{plan.name}_{activation}")(gated)


def _convolutions(plan: BlockPlan, x: Any) -> list[Any]:
    """The 3x3 and the 1x1 branch, each normalised."""
    # Keras' "same" at stride 2: of even sides only the bottom and the right are padded.
    dense = _convolution(plan, "dense", 3, strides=plan.stride, padding="same", use_bias=False)(x)
    if plan.stride > 1:
        x = layers.AveragePooling2D(plan.stride, name=f"{plan.name}_pointwise_pool")(x)
    pointwise = _convolution(plan, "pointwise", 1, use_bias=False)(x)
    return [_norm(plan, "dense", dense), _norm(plan, "pointwise", pointwise)]


def _gate(plan: BlockPlan, x: Any, *, use_bias: bool) -> Any:
    """sigmoid(W GAP(x) + b), (n, 1, 1, c)."""
    pooled = layers.GlobalAveragePooling2D(keepdims=True, name=f"{plan.name}_gate_pool")(x)
    return _convolution(plan, "gate", 1, activation="sigmoid", use_bias=use_bias)(pooled)


def _norm(plan: BlockPlan, role: str, x: Any) -> Any:
    # The fused kernel keeps the unbiased variance in the moving average, where the blog's training
    # keeps the biased one: a relative difference of 1 / (n h w - 1), and none in inference.
    return BatchNorm(epsilon=EPSILON, momentum=MOMENTUM, name=f"{plan.name}_{role}_bn")(x)


def _convolution(plan: BlockPlan, role: str, kernel: int, **options: Any) -> Any:
    kind = HalvesConv2D if plan.groups > 1 else Conv2D
    return kind(plan.out_channels, kernel, name=f"{plan.name}_{role}_conv", **options)
