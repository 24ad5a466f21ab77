"""What a network costs, counted from its spec."""

from pydantic import BaseModel, ConfigDict, NonNegativeInt


class Cost(BaseModel):
    """Size and work of one network in one form at one resolution, batch 1.

    Attributes:
        parameters: Trainable parameters.
        non_trainable: BatchNorm's moving means and variances.
        multiply_adds: Multiply-adds of convolutions and dense layers; "FLOPs" are twice this.
        activation_bytes: Bytes in float32 of the outputs of all layers together: what training
            keeps for the gradient, and an upper bound for inference.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    parameters: NonNegativeInt
    non_trainable: NonNegativeInt
    multiply_adds: NonNegativeInt
    activation_bytes: NonNegativeInt
