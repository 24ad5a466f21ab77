"""ParNet and its relatives: specs drawn as Keras graphs.

Importing this package imports no framework; the modules that build networks do. Its Keras classes
are registered, so that `keras.saving.load_model` finds them, as soon as both this package and Keras
are imported, in either order.
"""

from __future__ import annotations

import sys
from importlib import import_module

from parnet_zoo.networks.after_import import AfterImport

# What networks are drawn with, by module. The classes among it register themselves with Keras.
_DRAWN_WITH = {
    "activation": "activation_layer",
    "conv": "convolved",
    "batch_norm": "BatchNorm",
    "halves_conv": "HalvesConv2D",
    "interleave": "Interleave",
    "backbone": "Backbone",
    "head": "logits",
    "blocks": "block",
    "parnet": "ParNet",
    "blog.blocks": "blog_block",
    "blog.network": "ParNetBlog",
    "baseline_network": "Baseline",
}


def _register_classes() -> None:
    """Import every module that registers classes."""
    begun = {name: sys.modules.get(f"{__name__}.{name}") for name in _DRAWN_WITH}
    # Where one of them was imported first, it is what imports Keras, and the others would find it
    # half done: it is watched too, and brings us back here when it is whole.
    if all(module is None or hasattr(module, _DRAWN_WITH[name]) for name, module in begun.items()):
        for name in _DRAWN_WITH:
            import_module(f"{__name__}.{name}")


_WATCHED = frozenset({"keras", *(f"{__name__}.{name}" for name in _DRAWN_WITH)})
sys.meta_path.insert(0, AfterImport(_WATCHED, _register_classes))
if "keras" in sys.modules:
    _register_classes()
