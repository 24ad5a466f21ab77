"""What must hold between the fields of a recipe."""

from collections.abc import Iterator

from parnet_zoo.networks.stages import HEAD, stages_matching
from parnet_zoo.recipe.schema.data import DataSection
from parnet_zoo.recipe.schema.findings import Finding
from parnet_zoo.recipe.schema.model import ModelSection
from parnet_zoo.recipe.schema.nearest_pattern import nearest_pattern
from parnet_zoo.recipe.schema.optimizer import OptimizerSection
from parnet_zoo.recipe.schema.scaling import ScalingSection
from parnet_zoo.recipe.schema.schedule import ScheduleSection
from registry import BackboneSpec, SpecError
from registry.field_path import FieldPath

_FREEZE: FieldPath = ("model", "freeze")
_NETWORK: tuple[FieldPath, ...] = (("model", "name"), ("model", "spec"))


def check_schedule(schedule: ScheduleSection, epochs: int) -> Iterator[Finding]:
    """The warm-up ends before the training, and the decay belongs to the schedule."""
    if schedule.warmup_epochs >= epochs:
        warmup = ("schedule", "warmup_epochs")
        yield Finding(
            warmup,
            f"a warm-up of {schedule.warmup_epochs:g} epochs does not fit into a training of"
            f" {epochs}; it must be shorter",
            reads=(warmup, ("epochs",)),
        )
    reads = (("schedule", "decay"), ("schedule", "name"))
    if schedule.name == "exponential" and schedule.decay is None:
        yield Finding(reads[0], "the exponential schedule needs it; for example 0.95", reads)
    if schedule.name != "exponential" and schedule.decay is not None:
        message = f"the {schedule.name} schedule has no decay; remove it or use exponential"
        yield Finding(reads[0], message, reads)


def check_optimizer(optimizer: OptimizerSection) -> Iterator[Finding]:
    """Momentum is only asked of the optimiser that has it."""
    name, momentum, nesterov = (("optimizer", key) for key in ("name", "momentum", "nesterov"))
    if optimizer.name != "sgd":
        for path, given in ((momentum, optimizer.momentum), (nesterov, optimizer.nesterov)):
            if given:
                message = f"{optimizer.name} has no such setting; remove it or use sgd"
                yield Finding(path, message, (path, name))
    elif optimizer.nesterov and not optimizer.momentum:
        yield Finding(
            nesterov, "it needs a momentum above 0; set optimizer.momentum", (nesterov, momentum)
        )


def check_data(data: DataSection) -> Iterator[Finding]:
    """Validation images are no training images."""
    validation = ("data", "validation")
    if data.validation == "train":
        yield Finding(
            validation,
            "training images cannot validate the training; give another folder, or a part of train"
            " such as 0.1",
            (validation,),
        )


def check_scaling(scaling: ScalingSection | None) -> Iterator[Finding]:
    """Channels are given once, and rounded where they are computed."""
    if scaling is None:
        return
    width, channels, multiple = (
        ("model", "scaling", key) for key in ("width", "channels", "multiple")
    )
    if scaling.width is not None and scaling.channels is not None:
        message = "width and channels both set the channels; keep one of the two"
        yield Finding(width, message, (width, channels))
    if scaling.multiple is not None and scaling.width is None:
        message = "it rounds what width gives; give width too, or remove it"
        yield Finding(multiple, message, (multiple, width))


def check_freeze(model: ModelSection, spec: BackboneSpec) -> Iterator[Finding]:
    """The frozen stages exist, and something is left to train."""
    if model.freeze and not spec.stages:
        why = f"; {spec.limits.rstrip('.')}" if spec.limits else ""
        message = f"{spec.name} has no named stages, so none of them can be frozen{why}"
        yield Finding(_FREEZE, message, (_FREEZE, *_NETWORK))
        return
    stages = (*spec.stages, HEAD)
    frozen: set[str] = set()
    for index, word in enumerate(model.freeze):
        try:
            frozen.update(stages_matching(word, stages, spec.name))
        except SpecError as error:
            near = nearest_pattern(word, stages)
            hint = f"did you mean {near!a}? there are {', '.join(stages)}"
            message = f"no stage of {spec.name} matches {word!a}; {hint}" if near else str(error)
            place = (*_FREEZE, index)
            yield Finding(place, message, (place, *_NETWORK, ("model", "scaling")))
    if frozen.issuperset(stages):
        message = (
            "with all of it frozen, nothing is left to train; name what is to be frozen, without"
            " head"
        )
        yield Finding(_FREEZE, message, (_FREEZE, *_NETWORK))


def check_freeze_statistics(model: ModelSection) -> Iterator[Finding]:
    """Statistics are let free where they would not be anyway."""
    statistics = ("model", "freeze_statistics")
    if not model.freeze_statistics and set(model.freeze) <= {HEAD}:  # which has none
        message = "no stage with statistics is frozen; name one in model.freeze, or remove it"
        yield Finding(statistics, message, (statistics, _FREEZE))
