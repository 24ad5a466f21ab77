"""A trained network as the two files that a classifier is served from."""

import json
import logging
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.errors import ParnetZooError
from parnet_zoo.serving.onnx_graph import UnsupportedLayerError, write_onnx
from parnet_zoo.serving.runtime import FORMAT_VERSION, Classifier, Resize, RuntimeModelError

_PICTURES = 4
_TOLERANCE = 1e-4
"""Largest difference of probabilities: float32 through some hundred layers, and no more."""


def pack(
    deploy_model: Any,
    folder: Path,
    *,
    labels: Sequence[str],
    resolution: int,
    resize: Resize,
    mean: Sequence[float],
    std: Sequence[float],
) -> Path:
    """Write a network as `model.onnx` and `classifier.json`, and check it against the original.

    Args:
        deploy_model: A Keras model from pictures (n, resolution, resolution, 3), normalised by
            `mean` and `std`, to logits (n, classes), computing in float32.
        folder: Where to write; made if missing. A model that is there is replaced.
        labels: The classes, in the order of the logits.
        resolution: Side of the input, pixels.
        resize: How pictures become squares; see `runtime.decode_image`.
        mean: Of red, green and blue, for pixels from 0 to 1.
        std: Likewise.

    Returns:
        The folder.

    Raises:
        ParnetZooError: The written files cannot be used, or give other probabilities than the
            Keras model.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _export(deploy_model, folder / "model.onnx", resolution)
    settings = {
        "format_version": FORMAT_VERSION,
        "labels": list(labels),
        "resolution": resolution,
        "resize": resize,
        "mean": [float(value) for value in mean],
        "std": [float(value) for value in std],
    }
    text = json.dumps(settings, indent=2, ensure_ascii=False) + "\n"
    (folder / "classifier.json").write_text(text, "utf-8")
    try:
        classifier = Classifier(folder)
    except RuntimeModelError as error:
        raise ParnetZooError(f"the network was exported but cannot be used: {error}") from error
    _check_same(deploy_model, classifier, mean, std)
    return folder


def _export(model: Any, path: Path, resolution: int) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    try:
        write_onnx(model, path, resolution)
    except UnsupportedLayerError:
        # no deploy form of ParNet: other families have layers that only Keras' export knows
        _export_with_keras(model, path, resolution)


def _export_with_keras(model: Any, path: Path, resolution: int) -> None:
    import keras

    signature = keras.InputSpec(shape=(None, resolution, resolution, 3), dtype="float32")
    signature.name = "pictures"
    # Keras' and tf2onnx's warnings are about each other's versions, and about optimisations that
    # tf2onnx then leaves out, with a traceback for each; what comes out is checked below.
    logger = logging.getLogger("tf2onnx")
    level = logger.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logger.setLevel(logging.ERROR)
        try:
            model.export(str(path), format="onnx", verbose=False, input_signature=[signature])
        finally:
            logger.setLevel(level)


def _check_same(
    model: Any, classifier: Classifier, mean: Sequence[float], std: Sequence[float]
) -> None:
    pictures = np.random.default_rng(0).integers(
        0, 256, (_PICTURES, classifier.size, classifier.size, 3), np.uint8
    )
    normalised = (pictures.astype(np.float32) / 255 - np.asarray(mean, np.float32)) / np.asarray(
        std, np.float32
    )
    logits = np.asarray(model(normalised, training=False), np.float64)
    difference = float(np.abs(_softmax(logits) - classifier.probabilities(pictures)).max())
    # Not `>`: NaN must not pass.
    if not difference <= _TOLERANCE:
        raise ParnetZooError(
            f"the exported ONNX graph differs from the Keras model by {difference:.2g} in "
            f"probability, more than {_TOLERANCE:.0e}"
        )


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares
