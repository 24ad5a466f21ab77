"""The values of a training's variables, to be kept and put back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.errors import ParnetZooError

Groups = Mapping[str, Sequence[Any]]
"""Keras variables by the name of what they belong to, such as "model" or "optimizer"."""


def named(groups: Groups) -> dict[str, Any]:
    """All variables, by names that tell group and place.

    By place: Keras numbers layers and optimisers of a process through, so paths may differ.
    """

    def role(group: str, variable: Any) -> str:
        return str(variable.path).rpartition("/")[2] if group == "model" else ""

    return {
        f"{group}/{number}/{role(group, variable)}": variable
        for group, variables in groups.items()
        for number, variable in enumerate(variables)
    }


def values_of(groups: Groups) -> dict[str, NDArray[Any]]:
    """Copies of all values, by name."""
    return {name: np.array(variable) for name, variable in named(groups).items()}


def put_values(groups: Groups, values: Mapping[str, NDArray[Any]]) -> None:
    """Set all variables to what `values_of` gave for variables like them.

    Raises:
        ParnetZooError: They are of another network, optimiser or release.
    """
    variables = named(groups)
    if variables.keys() != values.keys():
        odd = sorted(variables.keys() ^ values.keys())[0]
        raise ParnetZooError(
            f"the checkpoint does not fit this training ({odd} is only in one of the two): it was"
            " written by another version of parnet-zoo or Keras; go on with that one"
        )
    for name, variable in variables.items():
        if tuple(variable.shape) != values[name].shape:
            raise ParnetZooError(
                f"the checkpoint does not fit this training: {name} has the shape"
                f" {values[name].shape} there and {tuple(variable.shape)} here"
            )
        variable.assign(values[name])
