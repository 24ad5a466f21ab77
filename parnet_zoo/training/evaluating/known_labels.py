"""The classes of some images in the order of a network's outputs."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from parnet_zoo.errors import DataError

_SHOWN = 10


def known_labels(names: Sequence[str], labels: Sequence[str], where: str) -> list[int]:
    """Find each class among those that a network knows, by its name.

    Args:
        names: The images' classes. They may be some of the network's only, in any order.
        labels: The network's.
        where: The images, for messages.

    Returns:
        The position of each name in `labels`.

    Raises:
        DataError: The network does not know some; the message says which, and what is near.
    """
    unknown = [name for name in names if name not in labels]
    if unknown:
        described = [_described(name, labels) for name in unknown[:_SHOWN]]
        more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
        raise DataError(
            f"the model does not know {len(unknown)} of the {len(names)} classes of {where}:"
            f" {', '.join(described)}{more}; it knows {_listed(labels)}: rename them, or leave"
            " their images out"
        )
    return [labels.index(name) for name in names]


def _described(name: str, labels: Sequence[str]) -> str:
    by_case = {label.casefold(): label for label in labels}
    near = difflib.get_close_matches(name.casefold(), by_case, n=1)
    return f"{name} (did you mean {by_case[near[0]]}?)" if near else name


def _listed(labels: Sequence[str]) -> str:
    more = len(labels) - _SHOWN
    return ", ".join(labels[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
