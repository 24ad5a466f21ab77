"""ParNet image classifiers, from a folder of pictures to a served model.

    import parnet_zoo
    result = parnet_zoo.train("quickstart")
    parnet_zoo.load(result.model_uri).predict(["picture.png"])

Importing this package imports no framework; what needs one imports it when it is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import registry
    from parnet_zoo.serving.load import load
    from parnet_zoo.training.new_recipe import NewRecipe, new_recipe
    from parnet_zoo.training.result import TrainResult
    from parnet_zoo.training.resume import resume
    from parnet_zoo.training.run import train

__all__ = ["NewRecipe", "TrainResult", "load", "new_recipe", "registry", "resume", "train"]

_HOMES = {
    "registry": "registry",
    "NewRecipe": "parnet_zoo.training.new_recipe",
    "new_recipe": "parnet_zoo.training.new_recipe",
    "TrainResult": "parnet_zoo.training.result",
    "load": "parnet_zoo.serving.load",
    "resume": "parnet_zoo.training.resume",
    "train": "parnet_zoo.training.run",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'parnet_zoo' has no attribute {name!r}")
    from importlib import import_module

    home = import_module(_HOMES[name])
    return home if name == "registry" else getattr(home, name)


def __dir__() -> list[str]:
    """The public names."""
    return sorted({*globals(), *_HOMES})
