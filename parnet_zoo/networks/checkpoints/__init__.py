"""Other people's weights: `load_authors` reads the checkpoints of ParNet's authors.

Importing this package imports no framework.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from parnet_zoo.networks.checkpoints.authors import load_authors

__all__ = ["load_authors"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from parnet_zoo.networks.checkpoints.authors import load_authors

    return load_authors
