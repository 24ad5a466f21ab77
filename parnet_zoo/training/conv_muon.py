"""Muon for convolutions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

_MATRIX = 2
_HEAD = r"(^|/)head_logits/"


@keras.saving.register_keras_serializable(package="parnet_zoo")
class ConvMuon(keras.optimizers.Muon):
    """`keras.optimizers.Muon` that also takes the kernels of convolutions as matrices.

    Keras' Muon orthogonalises the updates of variables with two dimensions and gives all others to
    Adam: of a convolutional network that is the classifier alone, for which Muon is not meant. Here
    a kernel (h, w, in, out) is the matrix (h w in, out), as its authors treat convolutions, and the
    classifier, batch normalisation and biases (and depthwise kernels, which are single columns) go
    to Adam, at the same rate: updates are scaled to the size that Adam's have (arXiv 2502.16982).

    Args:
        learning_rate: Of both.
        weight_decay: Of both; None: none.
        **options: As Keras has them.
    """

    def __init__(self, learning_rate: Any, weight_decay: float | None, **options: Any) -> None:
        options = {"exclude_layers": [_HEAD], **options, "adam_weight_decay": weight_decay}
        super().__init__(learning_rate=learning_rate, weight_decay=weight_decay, **options)

    def _should_use_adamw(self, variable: Any) -> bool:
        if len(variable.shape) < _MATRIX or variable.shape[-1] == 1:
            return True
        return bool(super()._should_use_adamw(_AsMatrix(variable)))

    def _apply_weight_decay(self, variables: Any) -> None:
        # Muon's own way assigns to each replica by itself, where the backend's updates them all.
        super(keras.optimizers.Muon, self)._apply_weight_decay(variables)

    def zeropower_via_newtonschulz5(self, x: Any, steps: int) -> Any:
        """The nearest semi-orthogonal matrix, nearly, in the shape of `x`."""
        matrix = ops.reshape(x, _matrix_shape(x.shape))
        return ops.reshape(super().zeropower_via_newtonschulz5(matrix, steps), x.shape)

    def lr_adjust(self, x: Any) -> Any:
        """Scale an update to the size of Adam's, in the shape of `x`."""
        if self.rms_rate is None:
            return x
        return x * (self.rms_rate * math.sqrt(max(_matrix_shape(x.shape))))


class _AsMatrix:
    """A variable as Keras' Muon is to see it."""

    def __init__(self, variable: Any) -> None:
        self.shape = _matrix_shape(variable.shape)
        self.path = variable.path


def _matrix_shape(shape: Sequence[int]) -> tuple[int, int]:
    return math.prod(shape[:-1]), shape[-1]
