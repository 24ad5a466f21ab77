"""Random rectangles in an image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_LEAST = 1e-12
"""Areas and ratios below it are far below a pixel, and their quotients overflow."""


def rectangles(
    area: tuple[float, float], ratio: tuple[float, float], uniforms: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Rectangles inside the unit square, in any place they fit.

    The area is drawn evenly and the ratio evenly in its logarithm, as Inception's crops do. A ratio
    too far from 1 for its area to fit is replaced by the nearest that fits, so the areas keep their
    distribution; elsewhere such draws are repeated, which prefers small rectangles.

    Args:
        area: Range of the area.
        ratio: Range of width over height.
        uniforms: Shape (n, 4), in [0, 1): area, ratio, place across, place down.

    Returns:
        Shape (n, 4): left, top, width, height.
    """
    areas = np.maximum(area[0] + (area[1] - area[0]) * uniforms[:, 0], _LEAST)
    low, high = np.log(np.maximum(ratio, _LEAST))
    ratios = np.clip(np.exp(low + (high - low) * uniforms[:, 1]), areas, 1 / areas)
    # Rounding must not carry an edge over the image's.
    extent = np.minimum(np.sqrt(np.stack([areas * ratios, areas / ratios], axis=1)), 1.0)
    return np.concatenate([(1 - extent) * uniforms[:, 2:], extent], axis=1)
