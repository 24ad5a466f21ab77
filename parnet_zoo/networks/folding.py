"""The arithmetic of re-parameterisation, in float64 and without a framework's layers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


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


def normalised(kernel: Array, norm: Affine) -> Convolution:
    """A bias-free convolution followed by a BatchNorm, as one convolution."""
    return Convolution(kernel * norm.scale, norm.shift)


def as_3x3(pointwise: Array, stride: int) -> Array:
    """A 1x1 kernel as the 3x3 kernel, padded by 1 all around, that does the same.

    At stride 2 the 1x1 convolution reads the average of the 2x2 pixels that it stands on. A 3x3
    window padded by 1 begins one pixel before them, so they lie on its rows and columns 1 and 2.
    """
    kernel = np.zeros((3, 3, *pointwise.shape[2:]))
    if stride == 1:
        kernel[1, 1] = pointwise[0, 0]
    else:
        kernel[1:3, 1:3] = pointwise[0, 0] / 4
    return kernel


def merged(dense: Convolution, pointwise: Convolution, stride: int) -> Convolution:
    """The sum of a 3x3 and a (pooled) 1x1 convolution, as one 3x3 convolution."""
    kernel = dense.kernel + as_3x3(pointwise.kernel, stride)
    return Convolution(kernel, dense.bias + pointwise.bias)
