"""A deploy form as an ONNX graph, written layer by layer.

Keras' own export goes through TensorFlow and tf2onnx, whose optimiser copies the whole graph,
weights included, some fifty times: 6 GB and 12 s for ParNet-S. A deploy form consists of a handful
of plain layers, each of which is one or two ONNX nodes, channels first as engines want them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

OPSET = 17
IR_VERSION = 8
"""What ONNX Runtime has read since 1.12 and OpenVINO since 2022.2."""
PRODUCER = "parnet-zoo"
MAP_RANK = 4


class UnsupportedLayerError(ValueError):
    """A layer that this writer has no node for."""


def write_onnx(model: Any, path: Path, resolution: int) -> None:
    """Write a Keras functional model of plain layers as ONNX.

    Args:
        model: From pictures (n, resolution, resolution, c), float32, to logits (n, classes).
        path: The file.
        resolution: Side of the input, pixels.

    Raises:
        UnsupportedLayerError: A layer, or a setting of it, has no place in a deploy form. Nothing
            is written.
    """
    import onnx

    if not isinstance(model, keras.Model) or not getattr(model, "operations", None):
        raise UnsupportedLayerError(f"{type(model).__name__} is not a functional Keras model")
    writer = _Writer()
    graph = writer.graph(model, resolution)
    proto = onnx.helper.make_model(
        graph,
        producer_name=PRODUCER,
        ir_version=IR_VERSION,
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
    )
    onnx.checker.check_model(proto)
    path.write_bytes(proto.SerializeToString())


class _Writer:
    """Collects the nodes of one graph."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._weights: list[Any] = []
        self._names: dict[int, str] = {}
        # pixels to add around a map, which its convolution does itself: (name, top-left, ...)
        self._pads: dict[int, tuple[str, list[int]]] = {}

    def graph(self, model: Any, resolution: int) -> Any:
        from onnx import TensorProto, helper

        [image], [logits] = model.inputs, model.outputs
        shape = ["n", resolution, resolution, image.shape[-1]]
        pictures = helper.make_tensor_value_info("pictures", TensorProto.FLOAT, shape)
        self._names[id(image)] = self._node("Transpose", ["pictures"], "image", perm=[0, 3, 1, 2])
        for operation in model.operations:
            if not isinstance(operation, keras.layers.InputLayer):
                self._write(operation)
        self._nodes.append(
            helper.make_node("Identity", [self._names[id(logits)]], ["logits"], name="logits")
        )
        output = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", logits.shape[-1]])
        return helper.make_graph(self._nodes, model.name, [pictures], [output], self._weights)

    def _write(self, operation: Any) -> None:
        kinds: dict[str, Callable[[Any, str], str]] = {
            "Conv2D": self._convolution,
            "DepthwiseConv2D": self._depthwise,
            "Dense": self._dense,
            "Activation": lambda layer, x: self._activation(layer.activation, x, layer.name),
            "GlobalAveragePooling2D": self._global_pool,
            "Flatten": self._flatten,
            "Dropout": lambda _layer, x: x,
            "GetItem": self._slice,
        }
        joins = {"Add": "Add", "Multiply": "Mul"}
        kind = type(operation).__name__
        inputs = operation.input if isinstance(operation.input, list) else [operation.input]
        if kind == "ZeroPadding2D":
            self._pads[id(operation.output)] = (self._name(inputs[0]), _pads(operation))
            return
        if kind in joins:
            name = self._join(joins[kind], [self._name(x) for x in inputs], operation.name)
        elif kind == "Concatenate" and operation.axis in (-1, 3):
            names = [self._name(x) for x in inputs]
            name = self._node("Concat", names, operation.name, axis=1)
        elif kind == "Conv2D":
            name = self._convolution(operation, *self._padded(inputs[0]))
        elif kind in kinds:
            name = kinds[kind](operation, self._name(inputs[0]))
        else:
            raise UnsupportedLayerError(f"{kind} {operation.name}")
        self._names[id(operation.output)] = name

    def _name(self, tensor: Any) -> str:
        if id(tensor) in self._pads:
            raise UnsupportedLayerError("a padded map that something but a convolution reads")
        return self._names[id(tensor)]

    def _padded(self, tensor: Any) -> tuple[str, list[int]]:
        return self._pads.get(id(tensor)) or (self._names[id(tensor)], [0, 0, 0, 0])

    def _convolution(self, layer: Any, x: str, pads: Sequence[int] = (0, 0, 0, 0)) -> str:
        height, width = layer.kernel_size
        if layer.padding == "same":
            if any(pads) or set(layer.strides) != {1} or not height % 2 or not width % 2:
                raise UnsupportedLayerError(f"{layer.name}: 'same' padding at a stride")
            pads = [height // 2, width // 2] * 2
        if set(layer.dilation_rate) != {1}:
            raise UnsupportedLayerError(f"{layer.name}: dilation")
        kernel = _value(layer.kernel).transpose(3, 2, 0, 1)
        return self._convolve(layer, x, kernel, pads=pads, group=layer.groups)

    def _depthwise(self, layer: Any, x: str) -> str:
        if layer.depth_multiplier != 1 or layer.padding != "valid":
            raise UnsupportedLayerError(f"{layer.name}: depth multiplier or padding")
        kernel = _value(layer.kernel).transpose(2, 3, 0, 1)
        return self._convolve(layer, x, kernel, pads=[0, 0, 0, 0], group=len(kernel))

    def _convolve(
        self, layer: Any, x: str, kernel: NDArray[Any], *, pads: Sequence[int], group: int
    ) -> str:
        inputs = [x, self._weight(f"{layer.name}.kernel", kernel)]
        if layer.use_bias:
            inputs.append(self._weight(f"{layer.name}.bias", _value(layer.bias)))
        y = self._node(
            "Conv",
            inputs,
            layer.name,
            strides=list(layer.strides),
            pads=list(pads),
            group=group,
        )
        return self._activation(layer.activation, y, layer.name)

    def _dense(self, layer: Any, x: str) -> str:
        inputs = [x, self._weight(f"{layer.name}.kernel", _value(layer.kernel))]
        if layer.use_bias:
            inputs.append(self._weight(f"{layer.name}.bias", _value(layer.bias)))
        return self._activation(
            layer.activation, self._node("Gemm", inputs, layer.name), layer.name
        )

    def _activation(self, function: Any, x: str, name: str) -> str:
        match function.__name__:
            case "linear":
                return x
            case "relu":
                return self._node("Relu", [x], f"{name}.relu")
            case "sigmoid":
                return self._node("Sigmoid", [x], f"{name}.sigmoid")
            case "silu":
                gate = self._node("Sigmoid", [x], f"{name}.sigmoid")
                return self._node("Mul", [x, gate], f"{name}.silu")
        raise UnsupportedLayerError(f"{name}: activation {function.__name__}")

    def _global_pool(self, layer: Any, x: str) -> str:
        pooled = self._node("GlobalAveragePool", [x], layer.name)
        if layer.keepdims:
            return pooled
        return self._node("Flatten", [pooled], f"{layer.name}.flat")

    def _flatten(self, layer: Any, x: str) -> str:
        if len(layer.input.shape) != MAP_RANK:
            raise UnsupportedLayerError(f"{layer.name}: it flattens something other than a map")
        # Keras' rows of pixels, channels last
        rows = self._node("Transpose", [x], f"{layer.name}.rows", perm=[0, 2, 3, 1])
        return self._node("Flatten", [rows], layer.name)

    def _slice(self, operation: Any, x: str) -> str:
        """`x[..., first:last]`, a range of channels."""
        key = operation._inbound_nodes[0].arguments.args[1]
        match key:
            case (builtin, slice() as part) if builtin is Ellipsis and part.step in (None, 1):
                first, last = part.start or 0, part.stop
            case _:
                raise UnsupportedLayerError(f"{operation.name}: {key}")
        ends = [
            self._weight(f"{operation.name}.{name}", np.array([value], np.int64))
            for name, value in (("first", first), ("last", last), ("axis", 1))
        ]
        return self._node("Slice", [x, *ends], operation.name)

    def _join(self, kind: str, names: list[str], name: str) -> str:
        total = names[0]
        for number, other in enumerate(names[1:]):
            total = self._node(kind, [total, other], name if not number else f"{name}.{number}")
        return total

    def _node(self, kind: str, inputs: Sequence[str], name: str, **attributes: Any) -> str:
        from onnx import helper

        self._nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def _weight(self, name: str, value: NDArray[Any]) -> str:
        from onnx import numpy_helper

        self._weights.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name


def _pads(layer: Any) -> list[int]:
    """Keras' ((top, bottom), (left, right)) as ONNX' top, left, bottom, right."""
    (top, bottom), (left, right) = layer.padding
    return [top, left, bottom, right]


def _value(variable: Any) -> NDArray[np.float32]:
    return np.asarray(keras.ops.convert_to_numpy(variable), np.float32)
