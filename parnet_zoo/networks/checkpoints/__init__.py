"""Other people's weights as Keras models.

`load_authors` reads the checkpoints of ParNet's authors, `load_blog` those of a blog's Keras port.
Importing this package imports no framework.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from parnet_zoo.networks.checkpoints.authors import load_authors
    from parnet_zoo.networks.checkpoints.blog import load_blog, load_blog_logits

__all__ = ["load_authors", "load_blog", "load_blog_logits"]

_MODULES = {"load_authors": "authors", "load_blog": "blog", "load_blog_logits": "blog"}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
