"""Gradients of a Keras model on whichever backend Keras runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, NamedTuple

import keras
import numpy as np


class Step(NamedTuple):
    """What a training step computes before it changes anything."""

    outputs: Any
    loss: float
    gradients: list[Any]


def training_step(
    model: Any, loss: Callable[[Any], Any], images: Any, variables: Sequence[Any]
) -> Step:
    """The outputs in training mode, their loss, and its gradients for some trainable variables."""
    steps = {"tensorflow": _tensorflow_step, "jax": _jax_step}
    outputs, value, gradients = steps[keras.backend.backend()](model, loss, images, variables)
    return Step(np.asarray(outputs), float(value), [np.asarray(gradient) for gradient in gradients])


def _tensorflow_step(
    model: Any, loss: Callable[[Any], Any], images: Any, variables: Sequence[Any]
) -> tuple[Any, Any, Any]:
    import tensorflow as tf

    with tf.GradientTape() as tape:
        outputs = model(images, training=True)
        value = loss(outputs)
    return outputs, value, tape.gradient(value, [variable.value for variable in variables])


def _jax_step(
    model: Any, loss: Callable[[Any], Any], images: Any, variables: Sequence[Any]
) -> tuple[Any, Any, Any]:
    jax = import_module("jax")  # no dependency of this project
    fixed = [variable.value for variable in model.non_trainable_variables]

    def compute(trained: list[Any]) -> tuple[Any, Any]:
        outputs, _ = model.stateless_call(trained, fixed, images, training=True)
        return loss(outputs), outputs

    trained = [variable.value for variable in model.trainable_variables]
    (value, outputs), gradients = jax.value_and_grad(compute, has_aux=True)(trained)
    places = {id(variable): place for place, variable in enumerate(model.trainable_variables)}
    return outputs, value, [gradients[places[id(variable)]] for variable in variables]
