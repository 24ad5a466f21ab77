"""What is measured besides the accuracy of the served model."""

from pydantic import Field

from parnet_zoo.recipe.schema.section import Section


class EvaluationSection(Section):
    """How the best weights are judged."""

    flip: bool = Field(
        default=False,
        description="Whether the accuracy with the probabilities of each image and its mirror image"
        " averaged is measured as well, and logged under names of its own (`test_flip_accuracy`).",
    )
