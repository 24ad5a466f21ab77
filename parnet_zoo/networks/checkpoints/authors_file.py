"""What a checkpoint of ParNet's authors holds, before a network is built for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from parnet_zoo.networks.checkpoints.errors import CheckpointError
from parnet_zoo.networks.checkpoints.printable import printable
from parnet_zoo.networks.cost import cost
from parnet_zoo.networks.spec import ParNetSpec, ScalingSpec

Tensors = dict[str, NDArray[Any]]
Activation = Literal["silu", "relu"]
BRANCHES = 3
"""Of the authors' code; other counts are this project's own."""


@dataclass(frozen=True)
class AuthorsFile:
    """One checkpoint.

    Attributes:
        name: Of the file, for messages.
        tensors: By key, without `module.` and counters.
        scaling: Widths and depths, read off the tensors.
        classes: Of its head.
        epoch: When it was saved, if the file tells.
        arch: What its network was called, if the file tells.
    """

    name: str
    tensors: Tensors
    scaling: ScalingSpec
    classes: int
    epoch: int | None
    arch: str | None

    @classmethod
    def of(cls, content: Any, name: str, *, activation: Activation, ema: bool) -> Self:
        """Make sense of what `read_torch_file` gave.

        Raises:
            CheckpointError: It is no ParNet, or its tensors are not what a network is made of.
        """
        tensors = _state(content, name, ema=ema)
        scaling, classes = _scaling(tensors, activation, name)
        _check_size(tensors, scaling, classes, name)
        _check_finite(tensors, name)
        told = content if isinstance(content, Mapping) else {}
        epoch, arch = told.get("epoch"), told.get("arch")
        return cls(
            name,
            tensors,
            scaling,
            classes,
            epoch if type(epoch) is int else None,
            printable(arch) if isinstance(arch, str) else None,
        )


def _state(content: Any, name: str, *, ema: bool) -> Tensors:
    wanted = "state_dict_ema" if ema else "state_dict"
    state = content.get(wanted) if isinstance(content, Mapping) else None
    if state is None and not ema and isinstance(content, Mapping):
        state = content  # a bare state dict
    if not isinstance(state, Mapping):
        raise CheckpointError(f"{name} has no {wanted}")
    tensors = {
        key.removeprefix("module."): value
        for key, value in state.items()
        if isinstance(key, str)
        and isinstance(value, np.ndarray)
        and not key.endswith("num_batches_tracked")
    }
    if not tensors:
        raise CheckpointError(f"{name} holds no tensors under {wanted}")
    return tensors


def _scaling(tensors: Tensors, activation: Activation, name: str) -> tuple[ScalingSpec, int]:
    """Read widths, depths and classes off the tensors."""
    try:
        norms = [f"streams.{branch}.0.block.rbr_identity.weight" for branch in range(BRANCHES)]
        scaling = ScalingSpec(
            channels=tuple(len(tensors[norm]) for norm in norms),
            final_channels=len(tensors["combine.3.block.rbr_dense.bn.weight"]),
            depth=tuple(_blocks(tensors, branch) for branch in range(BRANCHES)),
            activation=activation,
            in_channels=tensors["inits.0.0.block.rbr_dense.conv.weight"].shape[1],
        )
        classes = len(tensors["head.fc.bias"])
    except KeyError as error:
        raise CheckpointError(f"{name} is no ParNet checkpoint: {error} is missing") from error
    except ValidationError as error:
        reason = error.errors()[0]["msg"]
        raise CheckpointError(f"{name} is no ParNet that can be built: {reason}") from error
    except (IndexError, TypeError) as error:
        raise CheckpointError(
            f"{name} is no ParNet checkpoint: a tensor has too few dimensions"
        ) from error
    if not classes:
        raise CheckpointError(f"{name} is no ParNet checkpoint: its head has no classes")
    return scaling, classes


def _blocks(tensors: Tensors, branch: int) -> int:
    """One more than the largest number of a block in a stream."""
    # More digits than any network has: not every text of digits becomes a number.
    pattern = re.compile(rf"streams\.{branch}\.([0-9]{{1,9}})\.")
    return max(int(match[1]) for key in tensors if (match := pattern.match(key))) + 1


def _check_size(tensors: Tensors, scaling: ScalingSpec, classes: int, name: str) -> None:
    """A few small tensors may describe a network of any size, which is not going to be built."""
    size = cost(ParNetSpec(name="parnet", scaling=scaling), num_classes=classes)
    needed = size.parameters + size.non_trainable
    given = sum(tensor.size for tensor in tensors.values())
    if given < needed / 2:
        raise CheckpointError(
            f"{name} describes a network of {needed:,} numbers, but holds {given:,} only"
        )


def _check_finite(tensors: Tensors, name: str) -> None:
    with np.errstate(over="ignore"):  # what float32 cannot hold is not finite either
        broken = [
            key
            for key, tensor in tensors.items()
            if not np.isfinite(tensor.astype(np.float32)).all()
        ]
    if broken:
        raise CheckpointError(
            f"{name} has weights that are not finite numbers, in {len(broken)} of"
            f" {len(tensors)} tensors, such as {printable(broken[0])}"
        )
