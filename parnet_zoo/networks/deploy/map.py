"""A feature map of a deploy form, whose channels may stand in another order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Order = NDArray[np.int64]


@dataclass(frozen=True)
class DeployMap:
    """A map whose channel k holds channel `order[k]` of the training form.

    Attributes:
        tensor: (n, h, w, c).
        order: (c,).
    """

    tensor: Any
    order: Order

    @property
    def ordered(self) -> bool:
        """Whether the channels stand as in the training form."""
        return bool((self.order == np.arange(len(self.order))).all())

    def part(self, first: int, last: int) -> tuple[list[Any], Order]:
        """The training form's channels first..last-1 as slices, and their order in the slices."""
        places = np.flatnonzero((self.order >= first) & (self.order < last))
        runs = np.split(places, np.flatnonzero(np.diff(places) > 1) + 1)
        slices = [self.tensor[..., int(run[0]) : int(run[-1]) + 1] for run in runs]
        return slices, self.order[places]
