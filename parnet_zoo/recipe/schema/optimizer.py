"""How weights are updated."""

from typing import Literal

from pydantic import Field

from parnet_zoo.recipe.schema.section import Section


class OptimizerSection(Section):
    """The optimiser and its numbers."""

    name: Literal[
        "adadelta",
        "adagrad",
        "adam",
        "adamax",
        "adamw",
        "lamb",
        "lion",
        "muon",
        "nadam",
        "rmsprop",
        "sgd",
    ] = Field(default="adam", description="The optimiser, as Keras has it.")
    learning_rate: float = Field(
        default=1e-3, gt=0, le=100, description="Learning rate, before the schedule."
    )
    weight_decay: float = Field(default=0.0, ge=0, lt=1, description="Decoupled weight decay.")
    decay_all: bool = Field(
        default=False,
        description="Whether batch normalisation and biases decay as well; without it they do not.",
    )
    momentum: float = Field(
        default=0.0, ge=0, lt=1, description="Momentum, for `sgd` and `rmsprop` only."
    )
    nesterov: bool = Field(
        default=False, description="Whether the momentum is Nesterov's, for `sgd` only."
    )
    clip_norm: float | None = Field(
        default=None, gt=0, description="Largest norm of all gradients together; null: no clipping."
    )
    accumulation: int = Field(
        default=1,
        ge=1,
        le=1024,
        description="Steps whose gradients are averaged into one update: a batch so many times as"
        " large in the memory of one.",
    )
    layer_decay: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Learning rate of each stage as a part of the rate of the stage after it, the"
        " head having the full one; null: one rate for all.",
    )
