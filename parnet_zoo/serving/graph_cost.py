"""Parameters and multiply-adds of a packed network, counted in its ONNX graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from parnet_zoo.serving.runtime import RuntimeModelError

# Larger weights are taken out before shapes are inferred, which would copy them several times;
# smaller ones may be shapes, which the inference must read.
_LARGE = 1024
# A constant such as the 6 of ReLU6 is no parameter; one number as a bias or weight is.
_WITH_WEIGHTS = {"Conv", "Gemm", "MatMul", "BatchNormalization"}
_Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class GraphCost:
    """What a network costs as it is served, at batch 1.

    Attributes:
        parameters: Numbers in its weights.
        multiply_adds: Of convolutions and matrix products for one image, borders counted as if the
            padding were real pixels, as in the specs' own cost.
    """

    parameters: int
    multiply_adds: int

    def metrics(self) -> dict[str, float]:
        """Under the names that a run has them by."""
        return {"parameters": self.parameters, "multiply_adds": self.multiply_adds}


def graph_cost(folder: Path) -> GraphCost:
    """Count a packed network, whichever family it is of.

    Args:
        folder: With `model.onnx`, as `pack` writes it.

    Raises:
        RuntimeModelError: There is no usable graph in it.
    """
    import onnx

    path = folder / "model.onnx"
    try:
        model = onnx.load(path, load_external_data=False)
        weights = _weights(model.graph)
        shapes = _shapes(model, weights)
        products = sum(_products(node, shapes) for node in model.graph.node)
    # The exceptions of protobuf and ONNX share no base class; a KeyError or IndexError is a graph
    # whose nodes do not fit together.
    except Exception as error:
        raise RuntimeModelError(f"the graph {path} is not usable: it cannot be counted") from error
    return GraphCost(_parameters(model.graph, weights), products)


@dataclass(frozen=True)
class _Weight:
    """A tensor that the graph holds, without its numbers."""

    shape: tuple[int, ...]
    data_type: int

    @property
    def count(self) -> int:
        return prod(self.shape)


def _weights(graph: Any) -> dict[str, _Weight]:
    """Every tensor that the graph holds, by name."""
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    constants = [node for node in graph.node if node.op_type == "Constant"]
    for node in constants:
        tensors.update((node.output[0], a.t) for a in node.attribute if a.name == "value")
    return {name: _Weight(tuple(t.dims), t.data_type) for name, t in tensors.items()}


def _parameters(graph: Any, weights: dict[str, _Weight]) -> int:
    from onnx import TensorProto

    used = {
        name
        for node in graph.node
        for name in node.input
        if name in weights and (weights[name].count > 1 or node.op_type in _WITH_WEIGHTS)
    }
    floats = {TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16}
    return sum(weights[name].count for name in used if weights[name].data_type in floats)


def _shapes(model: Any, weights: dict[str, _Weight]) -> _Shapes:
    """The shape of every tensor for one image; takes the large weights out of the model."""
    import onnx

    graph = model.graph
    for value in graph.input:
        batch = value.type.tensor_type.shape.dim[0]
        batch.Clear()
        batch.dim_value = 1
    for value in (*graph.output, *graph.value_info):  # written down for any batch
        value.type.tensor_type.ClearField("shape")
    for tensor in [tensor for tensor in graph.initializer if prod(tensor.dims) >= _LARGE]:
        given = onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
        graph.input.append(given)
        graph.initializer.remove(tensor)
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    shapes: _Shapes = {name: weight.shape for name, weight in weights.items()}
    for value in (*inferred.input, *inferred.value_info, *inferred.output):
        dimensions = value.type.tensor_type.shape.dim
        # An open dimension reads as 0, and would make the product 0: such a shape is not known.
        if all(dimension.dim_value > 0 for dimension in dimensions):
            shapes[value.name] = tuple(dimension.dim_value for dimension in dimensions)
    return shapes


def _products(node: Any, shapes: _Shapes) -> int:
    kinds: dict[str, Callable[[Any, _Shapes], int]] = {
        "Conv": _convolution,
        "Gemm": _gemm,
        "MatMul": _matmul,
    }
    return kinds[node.op_type](node, shapes) if node.op_type in kinds else 0


def _convolution(node: Any, shapes: _Shapes) -> int:
    # (out, in / groups, height, width): what one output pixel takes for each of its channels.
    _, *kernel = shapes[node.input[1]]
    return prod(shapes[node.output[0]]) * prod(kernel)


def _gemm(node: Any, shapes: _Shapes) -> int:
    transposed = any(a.name == "transA" and a.i for a in node.attribute)
    inner = shapes[node.input[0]][0 if transposed else 1]
    return prod(shapes[node.output[0]]) * inner


def _matmul(node: Any, shapes: _Shapes) -> int:
    return prod(shapes[node.output[0]]) * shapes[node.input[0]][-1]
