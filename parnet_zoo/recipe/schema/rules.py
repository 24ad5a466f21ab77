"""What must hold between the fields of a recipe."""

from collections.abc import Iterator

from parnet_zoo.recipe.schema.data import DataSection
from parnet_zoo.recipe.schema.findings import Finding
from parnet_zoo.recipe.schema.optimizer import OptimizerSection
from parnet_zoo.recipe.schema.scaling import ScalingSection
from parnet_zoo.recipe.schema.schedule import ScheduleSection


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
    """Channels are given once."""
    if scaling is None or scaling.width is None or scaling.channels is None:
        return
    width = ("model", "scaling", "width")
    yield Finding(
        width,
        "width and channels both set the channels; keep one of the two",
        (width, ("model", "scaling", "channels")),
    )
