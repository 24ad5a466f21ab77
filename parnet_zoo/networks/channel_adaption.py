"""A first convolution's kernel for images of other channels than it was trained on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def adapt_channels(kernel: NDArray[Any], channels: int) -> NDArray[Any]:
    """Carry a kernel over to `channels` input channels.

    To one channel, the kernels of the old ones are summed: a grey picture gets the answer that its
    copies in red, green and blue would get. To any other number, they are repeated in their order
    and scaled by old / new, so that the answer to a picture with equal channels keeps its size; a
    single channel's kernel is thereby spread evenly. This is timm's rule (`adapt_input_conv`),
    which has no word on kernels of one channel.

    Args:
        kernel: (height, width, old channels, filters).
        channels: New input channels, at least 1.

    Returns:
        (height, width, channels, filters).
    """
    old = kernel.shape[2]
    if channels == 1:
        summed: NDArray[Any] = kernel.sum(axis=2, keepdims=True)
        return summed
    repeated = np.take(kernel, np.arange(channels) % old, axis=2)
    scaled: NDArray[Any] = repeated * np.asarray(old / channels, kernel.dtype)
    return scaled
