"""What must hold between the optimiser's fields."""

from collections.abc import Iterator

from parnet_zoo.recipe.schema.findings import Finding
from parnet_zoo.recipe.schema.optimizer import OptimizerSection
from registry.field_path import FieldPath

_NAME: FieldPath = ("optimizer", "name")
_MOMENTUM: FieldPath = ("optimizer", "momentum")
_NESTEROV: FieldPath = ("optimizer", "nesterov")
_DECAY: FieldPath = ("optimizer", "weight_decay")
_DECAY_ALL: FieldPath = ("optimizer", "decay_all")


def check_optimizer(optimizer: OptimizerSection) -> Iterator[Finding]:
    """Momentum is only asked of the optimisers that have it, and there is a decay to spread."""
    name = optimizer.name
    if optimizer.momentum and name not in {"sgd", "rmsprop"}:
        message = f"{name} has no such setting; remove it or use sgd or rmsprop"
        yield Finding(_MOMENTUM, message, (_MOMENTUM, _NAME))
    if optimizer.nesterov and name != "sgd":
        message = f"{name} has no such setting; remove it or use sgd"
        yield Finding(_NESTEROV, message, (_NESTEROV, _NAME))
    elif optimizer.nesterov and not optimizer.momentum:
        message = "it needs a momentum above 0; set optimizer.momentum"
        yield Finding(_NESTEROV, message, (_NESTEROV, _MOMENTUM))
    if optimizer.decay_all and not optimizer.weight_decay:
        message = "without a decay it changes nothing; set optimizer.weight_decay, or remove it"
        yield Finding(_DECAY_ALL, message, (_DECAY_ALL, _DECAY))
