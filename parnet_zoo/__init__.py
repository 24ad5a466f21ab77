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
    from parnet_zoo.training.compare import compare
    from parnet_zoo.training.comparing.comparison import Comparison
    from parnet_zoo.training.evaluate import evaluate
    from parnet_zoo.training.evaluating.evaluation import Evaluation
    from parnet_zoo.training.join_sweep import join_sweep
    from parnet_zoo.training.new_recipe import NewRecipe, new_recipe
    from parnet_zoo.training.result import TrainResult
    from parnet_zoo.training.resume import resume
    from parnet_zoo.training.run import train
    from parnet_zoo.training.sweep import sweep
    from parnet_zoo.training.sweep_result import SweepResult
    from parnet_zoo.training.sync import sync

__all__ = [
    "Comparison",
    "Evaluation",
    "NewRecipe",
    "SweepResult",
    "TrainResult",
    "compare",
    "evaluate",
    "join_sweep",
    "load",
    "new_recipe",
    "registry",
    "resume",
    "sweep",
    "sync",
    "train",
]

_HOMES = {
    "registry": "registry",
    "NewRecipe": "parnet_zoo.training.new_recipe",
    "new_recipe": "parnet_zoo.training.new_recipe",
    "TrainResult": "parnet_zoo.training.result",
    "load": "parnet_zoo.serving.load",
    "evaluate": "parnet_zoo.training.evaluate",
    "Evaluation": "parnet_zoo.training.evaluating.evaluation",
    "compare": "parnet_zoo.training.compare",
    "Comparison": "parnet_zoo.training.comparing.comparison",
    "resume": "parnet_zoo.training.resume",
    "sync": "parnet_zoo.training.sync",
    "train": "parnet_zoo.training.run",
    "join_sweep": "parnet_zoo.training.join_sweep",
    "sweep": "parnet_zoo.training.sweep",
    "SweepResult": "parnet_zoo.training.sweep_result",
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
