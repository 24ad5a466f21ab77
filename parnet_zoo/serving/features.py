"""What a packed network's head reads, beside its answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.serving.runtime import Classifier

_HEADS = ("Gemm", "MatMul")
_PASSED = ("Identity", "Add", "Cast", "Reshape", "Squeeze", "Flatten")
_STEPS = 16


class FeatureClassifier(Classifier):
    """A packed classifier that also gives the features before its last dense layer.

    Both come out of one pass through the very graph that is served.

    Args:
        folder: With `model.onnx` and `classifier.json`.

    Raises:
        RuntimeModelError: The folder does not hold a usable model.
    """

    def __init__(self, folder: str | Path) -> None:
        super().__init__(folder, engine="onnxruntime")
        self._with_features = _session_with_features(Path(folder) / "model.onnx", self._session)

    @property
    def has_features(self) -> bool:
        """Whether the graph ends in a dense layer; otherwise there are none."""
        return self._with_features is not None

    def both(
        self, batch: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Probabilities and features of decoded pictures.

        Args:
            batch: Pixels of shape (n, size, size, 3), uint8; all go through the network at once.

        Returns:
            (n, classes), each row summing to 1, and (n, features), or None where there are none.
        """
        if self._with_features is None:
            return self.probabilities(batch), None
        logits, features = self._with_features.run(None, {self._input: self._normalised(batch)})
        powers = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
        shares = powers / powers.sum(axis=1, keepdims=True)
        return shares.astype(np.float32), features.reshape(len(batch), -1)


def _session_with_features(path: Path, plain: Any) -> Any:
    """A session of the same graph with one more output; None where no dense layer ends it."""
    import onnx
    import onnxruntime

    model = onnx.load(str(path))
    name = _head_input(model.graph)
    if name is None:
        return None
    model.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    return onnxruntime.InferenceSession(
        model.SerializeToString(),
        sess_options=plain.get_session_options(),
        providers=["CPUExecutionProvider"],
    )


def _head_input(graph: Any) -> str | None:
    """Name of what the last dense layer reads, found by going back from the output."""
    makers = {output: node for node in graph.node for output in node.output}
    name = graph.output[0].name
    for _ in range(_STEPS):
        node = makers.get(name)
        if node is None:
            return None
        read = [source for source in node.input if source in makers]
        if node.op_type in _HEADS and node.input[0] in makers:
            return str(node.input[0])
        if node.op_type not in _PASSED or len(read) != 1:
            return None
        name = read[0]
    return None
