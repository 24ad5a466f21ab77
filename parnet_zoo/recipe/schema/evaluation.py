"""What is measured besides the accuracy of the served model."""

from typing import Literal

from pydantic import Field

from parnet_zoo.recipe.schema.section import Section


class EvaluationSection(Section):
    """How the best weights are judged."""

    flip: bool = Field(
        default=False,
        description="Whether the accuracy with the probabilities of each image and its mirror image"
        " averaged is measured as well, and logged under names of its own (`test_flip_accuracy`).",
    )
    label_errors: Literal["none", "held_out", "all"] = Field(
        default="all",
        description="Which images are searched for labels that may be wrong: those of validation"
        " and test, or the training images too, which takes about a third of an epoch.",
    )
