"""The arithmetic of re-parameterisation, in float64 and without a framework's layers."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Padding = Literal["around", "after"]
"""Where a 3x3 convolution with stride 2 pads by one pixel: on all sides, or at bottom and right."""


class Affine(NamedTuple):
    """A BatchNorm in inference: y = scale * x + shift, per channel (c,)."""

    scale: Array
    shift: Array


class Convolution(NamedTuple):
    """Kernel (k, k, in, out) and bias (out,)."""

    kernel: Array
    bias: Array


def fold_batch_norm(
    gamma: Array, beta: Array, mean: Array, variance: Array, *, epsilon: float
) -> Affine:
    """The scale and shift that a BatchNorm applies in inference."""
    scale = gamma / np.sqrt(variance + epsilon)
    return Affine(scale, beta - mean * scale)


def normalised(convolution: Convolution, norm: Affine) -> Convolution:
    """A convolution followed by a BatchNorm, as one convolution."""
    kernel, bias = convolution
    return Convolution(kernel * norm.scale, bias * norm.scale + norm.shift)


def as_3x3(pointwise: Array, stride: int, padding: Padding = "around") -> Array:
    """A 1x1 kernel as the padded 3x3 kernel that does the same.

    At stride 2 the 1x1 convolution reads the average of the 2x2 pixels that it stands on. A 3x3
    window padded all around begins one pixel before them, so they lie on its rows and columns 1 and
    2; padded at bottom and right only, as by Keras' "same" at even sizes, on rows and columns 0 and
    1.
    """
    kernel = np.zeros((3, 3, *pointwise.shape[2:]))
    if stride == 1:
        kernel[1, 1] = pointwise[0, 0]
    else:
        first = 1 if padding == "around" else 0
        kernel[first : first + 2, first : first + 2] = pointwise[0, 0] / 4
    return kernel


def merged(
    dense: Convolution, pointwise: Convolution, stride: int, padding: Padding = "around"
) -> Convolution:
    """The sum of a 3x3 and a (pooled) 1x1 convolution, as one 3x3 convolution."""
    kernel = dense.kernel + as_3x3(pointwise.kernel, stride, padding)
    return Convolution(kernel, dense.bias + pointwise.bias)
