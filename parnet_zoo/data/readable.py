"""What can be read of a store, now and at a step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.data.escaped import escaped
from parnet_zoo.data.plan import BatchPlan
from parnet_zoo.data.store import ImageStore
from parnet_zoo.errors import DataError


def readable(store: ImageStore) -> NDArray[np.int64]:
    """Numbers of the images that can be read, ascending.

    Raises:
        DataError: There is none.
    """
    usable = store.readable
    if len(usable):
        return usable
    first = "".join(f"; {escaped(bad.path)}: {bad.reason}" for bad in store.unreadable[:1])
    raise DataError(f"none of {len(store)} images can be read{first}")


def read_step(
    store: ImageStore, plan: BatchPlan, step: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The readable images of a step, or substitutes where there are none, and their numbers.

    Returns:
        Pixels, shape (n, size, size, 3), and numbers, shape (n,); n is at least 1.

    Raises:
        DataError: No image can be read any more.
    """
    indices = plan.batch(step)
    images, ok = store.batch(indices)
    if ok.all():
        return images, indices
    if ok.any():
        return images[ok], indices[ok]
    rest, size = plan.substitutes(step), len(indices)
    for start in range(0, len(rest), size):
        indices = rest[start : start + size]
        images, ok = store.batch(indices)
        if ok.any():
            return images[ok], indices[ok]
    bad = store.unreadable[0]
    raise DataError(f"no image can be read any more; {escaped(bad.path)}: {bad.reason}")
