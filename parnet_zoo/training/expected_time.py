"""How long a training takes on this machine, told before anything heavy is loaded."""

from __future__ import annotations

from dataclasses import dataclass

from parnet_zoo.recipe import Recipe
from parnet_zoo.training.machine_speed import MachineSpeed, machine_speed
from parnet_zoo.training.memory import may_have_gpu
from registry import Cost, SpecError

OPERATIONS = 6
"""Floating point operations a multiply-add: two forward, four backward."""
EFFICIENCY = {"float32": 4.2, "mixed_bfloat16": 40.0}
"""Operations a second of a step's convolutions, in those of small products of matrices. Above 1,
since most of what a convolution takes goes with its output, below, and the rest runs ahead."""
BYTE_SECONDS = {"float32": 0.485e-9, "mixed_bfloat16": 0.64e-9}
"""Of one core, for each byte of a step's activations, counted in float32."""
UPDATE_SECONDS = {"float32": 18e-9, "mixed_bfloat16": 16e-9}
"""Of one core, for each parameter and step: gradient, weight and the optimiser's moments."""
STEP_SECONDS = 0.035
"""Of one core, for each step, however small.

This and what stands above is fitted to plain tf.function steps with AdamW and fused batch
normalisation on 2 cores of an AMD EPYC (AVX-512 with bfloat16, 107 GFLOP/s a core; November 2026,
by processor time, since the machine was shared): parnet_s at 64, 96, 128 and 224 px, at half and a
quarter of its width at 96, 64 and 128 px and with the small stem at 32 px, parnet_m at 96 px,
parnet_xl at 64 px, parnet_blog_s at 128 px, parnet_test at 64 px and the quickstart's network, in
batches of 8 to 32. It gives them back within 30%.
"""
PIXEL_SECONDS = 60e-9
"""Of one core, to augment a pixel of a training image."""
DECODE_SECONDS = 3e-3
"""Of one core, to decode a photograph of about 500 x 400 pixels, once."""
FORWARD_PART = 1 / 3
"""Of what an image takes in training: an image in validation."""
SHARING = 0.95
"""Power of the number of cores that they are worth together; measured on 2."""
START_SECONDS, TRACE_SECONDS = 8.0, 7.0
"""Until TensorFlow and the store are there; until the graphs for one size of images are."""
FINISH_SECONDS = 10.0
"""To fold, pack, try and register the network."""
_BUSY = 0.7
ERROR = 1.5
"""Factor within which it is right on the kind of machine that it comes from."""


@dataclass(frozen=True)
class ExpectedTime:
    """Seconds of the parts of a training on a machine that has nothing else to do.

    Attributes:
        start: Until the first step.
        training: All steps of all epochs.
        validation: After every epoch, together.
        finish: Judging, folding and registering.
        epochs: Of the training.
        free: The part of the machine that is free now.
    """

    start: float
    training: float
    validation: float
    finish: float
    epochs: int
    free: float = 1.0

    @property
    def seconds(self) -> float:
        """Of the whole, if every epoch is trained."""
        return self.start + self.training + self.validation + self.finish

    @property
    def low(self) -> float:
        """The least that it may take, if the estimate is as wrong as it usually is at most."""
        return self.seconds / ERROR

    @property
    def high(self) -> float:
        """The most that it may take on a machine that has nothing else to do."""
        return self.seconds * ERROR

    @property
    def busy(self) -> bool:
        """Whether others use so much of the processor now that it matters."""
        return self.free < _BUSY

    @property
    def as_busy_as_now(self) -> float:
        """Seconds if what else runs on the machine goes on."""
        return self.seconds / self.free

    def epochs_within(self, seconds: float) -> int:
        """The whole epochs of such a training that can be had in so many seconds; 0 or more."""
        each = (self.training + self.validation) / self.epochs
        return max(0, int((seconds - self.start - self.finish) / each))


def expected_time(
    recipe: Recipe,
    cost: Cost | None,
    *,
    classes: int,
    train: int,
    validation: int,
    test: int = 0,
    speed: MachineSpeed | None = None,
) -> ExpectedTime | str:
    """Estimate a training from the cost of its network and the speed of the processor.

    Frozen stages count as if they were trained, and early stopping is left out: what these save is
    not known before. `recipe.time` is left out too.

    Args:
        recipe: What is to be done.
        cost: Of one image in the training form with its head, at the recipe's resolution; None
            where the family cannot tell.
        classes: Of the head.
        train: Training images.
        validation: Validation images.
        test: Test images.
        speed: Of the machine; measured if it is not given.

    Returns:
        The seconds, or, where they cannot be told before the first steps, the reason: half a
        sentence.
    """
    if may_have_gpu():
        return "how fast the GPU is shows then"
    if cost is None:
        return f"what {recipe.spec().name} costs shows when it is built"
    speed = speed or machine_speed()
    precision = speed.precision if recipe.precision == "auto" else recipe.precision
    if precision not in ("float32", speed.precision):
        return f"this processor does not compute in {precision.removeprefix('mixed_')} natively"
    return _Work(recipe, cost, classes, speed, precision).time(train, validation, test)


@dataclass(frozen=True)
class _Work:
    """One training on one machine."""

    recipe: Recipe
    cost: Cost
    classes: int
    speed: MachineSpeed
    precision: str

    def time(self, train: int, validation: int, test: int) -> ExpectedTime:
        epochs = self.recipe.epochs
        parts = self._parts()
        # The last batch of an epoch is as large as is left, but has the cost of a step.
        steps = -(-train // self.recipe.batch_size)
        epoch = sum(
            part * (steps * self._step() + train * self._image(cost, side))
            for part, side, cost in parts
        )
        seen = FORWARD_PART * self._network(self.cost)
        decoding = (train + validation) * DECODE_SECONDS / self._together
        return ExpectedTime(
            start=START_SECONDS + len(parts) * TRACE_SECONDS + decoding,
            training=epochs * epoch,
            validation=epochs * validation * seen,
            finish=FINISH_SECONDS + (validation + test) * (seen + DECODE_SECONDS / self._together),
            epochs=epochs,
            free=self.speed.free,
        )

    @property
    def _together(self) -> float:
        """Cores that all of them are worth."""
        return float(self.speed.cores**SHARING)

    def _step(self) -> float:
        """Seconds of a step apart from its images."""
        update = self.cost.parameters * UPDATE_SECONDS[self.precision]
        return (update + STEP_SECONDS) / self._together

    def _image(self, cost: Cost, side: int) -> float:
        return self._network(cost) + side**2 * PIXEL_SECONDS / self._together

    def _network(self, cost: Cost) -> float:
        """Seconds of one image, forward and backward."""
        flops = self.speed.core_flops * EFFICIENCY[self.precision]
        computing = OPERATIONS * cost.multiply_adds / flops
        moving = cost.activation_bytes * BYTE_SECONDS[self.precision]
        return (computing + moving) / self._together

    def _parts(self) -> list[tuple[float, int, Cost]]:
        """Parts of the training, with the size of their images and what one of these costs."""
        spec = self.recipe.spec()
        parts, begun = [], 0.0
        for stage in self.recipe.progressive:
            try:
                cost = spec.cost(
                    num_classes=self.classes, form="training", resolution=stage.resolution
                )
            except SpecError:  # a size that the network does not take is the recipe's to refuse
                cost = self.cost
            parts.append((stage.until - begun, stage.resolution, cost))
            begun = stage.until
        return [*parts, (1 - begun, spec.resolution, self.cost)]
