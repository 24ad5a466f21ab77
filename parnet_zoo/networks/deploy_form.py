"""The deploy form: the same function with one 3x3 convolution a block and no BatchNorm.

What folds, and what cannot:

- Each 3x3 and 1x1 branch folds with its BatchNorm, and both into one biased 3x3 convolution; the
  factor 2 of the gate folds into it as well.
- A stream's identity BatchNorm y = a x + c folds into its gate's 1x1 convolution, and a and c
  multiply the gate's vector instead of the map.
- A fusion's two BatchNorms stay a scale and a shift per channel: the convolution after them pads
  with zeros, so their shift is no constant at the border.
- Interleave and shuffle permute channels. They disappear: kernels are permuted instead, and a group
  that needs half of each map takes slices of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers

from parnet_zoo.networks.folding import (
    Affine,
    Array,
    Convolution,
    fold_batch_norm,
    merged,
    normalised,
)
from parnet_zoo.networks.parnet import ParNet
from parnet_zoo.networks.topology import IMAGE, BlockPlan


def to_deploy_form(model: ParNet) -> keras.Model:
    """Fold a trained ParNet into its deploy form, made of plain Keras layers only.

    Args:
        model: In training form, headless or with a head; it is not changed.

    Returns:
        A model with the same inputs and outputs that computes the same function in float32 (float64
        if the model's weights are), up to rounding.
    """
    image = keras.Input(model.image_shape, name=IMAGE)
    maps = {IMAGE: _Map(image, np.arange(model.scaling.in_channels))}
    for plan in model.topology.blocks:
        fold = _Folding(plan, model)
        maps[plan.name] = fold.apply([maps[name] for name in plan.inputs])
    outputs = maps[model.topology.blocks[-1].name].tensor
    if model.num_classes is not None:
        outputs = _head(model, outputs)
    return keras.Model(image, outputs, name=f"{model.name}_deploy")


@dataclass(frozen=True)
class _Map:
    """A feature map whose physical channel k holds channel `order[k]` of the training form."""

    tensor: Any
    order: np.ndarray

    def part(self, first: int, last: int) -> tuple[list[Any], np.ndarray]:
        """The training form's channels first..last-1 as slices, and their order in the slices."""
        places = np.flatnonzero((self.order >= first) & (self.order < last))
        runs = np.split(places, np.flatnonzero(np.diff(places) > 1) + 1)
        if len(places) == len(self.order):
            return [self.tensor], self.order
        return [self.tensor[..., int(run[0]) : int(run[-1]) + 1] for run in runs], self.order[
            places
        ]


class _Folding:
    """Builds one folded block from the training form's layers."""

    def __init__(self, plan: BlockPlan, model: ParNet) -> None:
        self.plan = plan
        self.model = model
        self.dtype = model.variable_dtype

    def apply(self, inputs: list[_Map]) -> _Map:
        if self.plan.kind == "stream":
            return self._stream(inputs[0])
        if self.plan.kind == "fusion":
            return self._fusion(*inputs)
        return self._downsample(inputs[0])

    def _stream(self, source: _Map) -> _Map:
        """act(conv(x) + (a x + c) * g), with the products a*g and c*g on the gate's vector."""
        x, identity = source.tensor, self._norm("identity_bn")
        gate_kernel = self._kernel("gate_conv")
        gate = self._gate(
            x,
            Convolution(gate_kernel * identity.scale[:, None], identity.shift @ gate_kernel[0, 0]),
        )
        scaled = layers.Multiply(dtype=self.dtype, name=self._named("identity"))(
            [x, self._per_channel("identity_scale", gate, identity.scale)]
        )
        shifted = self._per_channel("identity_shift", gate, identity.shift)
        y = self._convolve("conv", x, self._folded())
        return _Map(self._activate([y, scaled, shifted]), source.order)

    def _downsample(self, source: _Map) -> _Map:
        y = self._gated(
            "",
            source.tensor,
            _reordered(self._folded(), source.order),
            self._kernel("gate_conv")[:, :, source.order],
        )
        return _Map(self._activate([y]), np.arange(self.plan.out_channels))

    def _fusion(self, stream: _Map, previous: _Map) -> _Map:
        """Each half of the output reads half of each input, both scaled and shifted first."""
        channels, half = self.plan.in_channels, self.plan.out_channels // 2
        parts = [
            _Map(self._affine(name, part.tensor, self._norm(name), part.order), part.order)
            for name, part in (("stream_bn", stream), ("previous_bn", previous))
        ]
        folded, gate = self._folded(), self._kernel("gate_conv")
        outputs = []
        for group in range(2):
            first = group * channels // 2
            slices, order = [], []
            for offset, part in enumerate(parts):
                tensors, channels_of = part.part(first, first + channels // 2)
                slices += tensors
                # interleaved, the stream's channel i stands at 2i and the previous one's at 2i + 1
                order.append(2 * (channels_of - first) + offset)
            x = layers.Concatenate(dtype=self.dtype, name=self._named(f"half_{group}"))(slices)
            columns, rows = slice(group * half, (group + 1) * half), np.concatenate(order)
            convolution = Convolution(folded.kernel[..., columns], folded.bias[columns])
            outputs.append(
                self._gated(
                    f"{group}_", x, _reordered(convolution, rows), gate[:, :, rows, columns]
                )
            )
        joined = layers.Concatenate(dtype=self.dtype, name=self._named("joined"))(outputs)
        # the shuffle that the training form does next puts half 0 at the even channels
        order_after = np.concatenate([np.arange(half) * 2, np.arange(half) * 2 + 1])
        return _Map(self._activate([joined]), order_after)

    def _gated(self, part: str, x: Any, convolution: Convolution, gate_kernel: Array) -> Any:
        doubled = Convolution(2 * convolution.kernel, 2 * convolution.bias)
        gate = self._gate(x, Convolution(gate_kernel, np.zeros(0)), part)
        y = self._convolve(f"{part}conv", x, doubled)
        return layers.Multiply(dtype=self.dtype, name=self._named(f"{part}gated"))([y, gate])

    def _gate(self, x: Any, convolution: Convolution, part: str = "") -> Any:
        pool = layers.GlobalAveragePooling2D(
            keepdims=True, dtype=self.dtype, name=self._named(f"{part}gate_pool")
        )
        return self._weighted(
            layers.Conv2D(
                convolution.kernel.shape[-1],
                1,
                activation="sigmoid",
                use_bias=convolution.bias.size > 0,
                dtype=self.dtype,
                name=self._named(f"{part}gate"),
            ),
            pool(x),
            [convolution.kernel, *([convolution.bias] if convolution.bias.size else [])],
        )

    def _convolve(self, name: str, x: Any, convolution: Convolution) -> Any:
        if self.plan.stride > 1:
            x = layers.ZeroPadding2D(1, dtype=self.dtype, name=self._named(f"{name}_pad"))(x)
        layer = layers.Conv2D(
            convolution.kernel.shape[-1],
            3,
            strides=self.plan.stride,
            padding="same" if self.plan.stride == 1 else "valid",
            dtype=self.dtype,
            name=self._named(name),
        )
        return self._weighted(layer, x, [*convolution])

    def _affine(self, name: str, x: Any, norm: Affine, order: np.ndarray) -> Any:
        layer = layers.DepthwiseConv2D(1, dtype=self.dtype, name=self._named(name))
        return self._weighted(layer, x, [norm.scale[order].reshape(1, 1, -1, 1), norm.shift[order]])

    def _per_channel(self, name: str, x: Any, factors: Array) -> Any:
        layer = layers.DepthwiseConv2D(1, use_bias=False, dtype=self.dtype, name=self._named(name))
        return self._weighted(layer, x, [factors.reshape(1, 1, -1, 1)])

    def _activate(self, terms: list[Any]) -> Any:
        total = terms[0]
        if len(terms) > 1:
            total = layers.Add(dtype=self.dtype, name=self._named("sum"))(terms)
        activation = self.model.scaling.activation
        return layers.Activation(activation, dtype=self.dtype, name=self._named(activation))(total)

    def _folded(self) -> Convolution:
        """The block's 3x3 and 1x1 branches, with their BatchNorms, as one convolution."""
        dense = normalised(self._kernel("dense_conv"), self._norm("dense_bn"))
        pointwise = normalised(self._kernel("pointwise_conv"), self._norm("pointwise_bn"))
        return merged(dense, pointwise, self.plan.stride)

    def _kernel(self, role: str) -> Array:
        return _value(self.model.get_layer(self._named(role)).kernel)

    def _norm(self, role: str) -> Affine:
        layer = self.model.get_layer(self._named(role))
        variables = (layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance)
        return fold_batch_norm(*map(_value, variables), epsilon=layer.epsilon)

    def _named(self, role: str) -> str:
        return f"{self.plan.name}_{role}"

    @staticmethod
    def _weighted(layer: Any, x: Any, weights: list[Array]) -> Any:
        """Apply a layer and give it its weights."""
        outputs = layer(x)
        layer.set_weights(weights)
        return outputs


def _reordered(convolution: Convolution, order: np.ndarray) -> Convolution:
    """The convolution for an input whose channels come in another order."""
    return Convolution(convolution.kernel[:, :, order], convolution.bias)


def _value(variable: Any) -> Array:
    return np.asarray(keras.ops.convert_to_numpy(variable), dtype=np.float64)


def _head(model: ParNet, x: Any) -> Any:
    trained = model.get_layer("head_logits")
    dtype = model.variable_dtype
    x = layers.GlobalAveragePooling2D(dtype=dtype, name="head_pool")(x)
    logits = layers.Dense(trained.units, dtype=dtype, name="head_logits")
    outputs = logits(x)
    logits.set_weights(trained.get_weights())
    return outputs
