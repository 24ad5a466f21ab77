"""Where in an image a network found what speaks for a class.

Grad-CAM: Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
Localization", ICCV 2017 (https://arxiv.org/abs/1610.02391).
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray

from parnet_zoo.networks.tensorflow_ops import gradient
from registry import SpecError

_MAP_RANK = 4


def grad_cam(model: Any, images: ArrayLike, classes: ArrayLike) -> NDArray[np.float32]:
    """How much each place of the last map before the head speaks for a class.

    The channels of the map are weighted by the mean gradient of the class' logit; what speaks
    against the class counts as nothing.

    Args:
        model: A functional network, from images to logits, in float32 and on TensorFlow.
        images: (n, h, w, c), normalised as in training.
        classes: (n,) class numbers.

    Returns:
        (n, h', w'), as large as the last map; each image's largest value is 1, or all are 0 where
        no place speaks for the class.

    Raises:
        SpecError: The network has no map with more than one place before its head, or Keras does
            not run on TensorFlow.
    """
    if keras.config.backend() != "tensorflow":
        raise SpecError("Grad-CAM needs gradients of TensorFlow; set KERAS_BACKEND=tensorflow")
    last = _last_map(model)
    [image], [logits] = model.inputs, model.outputs
    body, head = keras.Model(image, last), keras.Model(last, logits)
    numbers = np.asarray(classes)
    maps = body(np.asarray(images, np.float32), training=False)
    if maps.shape[1] * maps.shape[2] == 1:
        raise SpecError(f"the last map of {model.name} has one place only")
    picked = keras.ops.one_hot(numbers, logits.shape[-1])

    def logit(values: Any) -> Any:
        return keras.ops.sum(head(values, training=False) * picked)

    weights = keras.ops.mean(gradient(logit, maps), axis=(1, 2), keepdims=True)
    found = keras.ops.relu(keras.ops.sum(weights * maps, axis=-1))
    values: NDArray[np.float32] = np.asarray(keras.ops.convert_to_numpy(found), np.float32)
    strongest = values.max(axis=(1, 2), keepdims=True)
    np.divide(values, strongest, out=values, where=strongest > 0)
    return values


def _last_map(model: Any) -> Any:
    """The last output of a layer that still has a height and a width."""
    maps = [
        operation.output
        for operation in getattr(model, "operations", ())
        if len(getattr(operation.output, "shape", ())) == _MAP_RANK
    ]
    if not maps:
        raise SpecError(f"{model.name} has no map before its head")
    return maps[-1]
