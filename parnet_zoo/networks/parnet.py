"""ParNet in training form, as a Keras model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from parnet_zoo.networks.backbone import Backbone
from parnet_zoo.networks.blocks import block
from parnet_zoo.networks.draw_blocks import draw_blocks
from parnet_zoo.networks.dtype_policy import dtype_policy
from parnet_zoo.networks.head import logits
from parnet_zoo.networks.input_size import image_shape_of
from parnet_zoo.networks.keras_name import keras_name
from parnet_zoo.networks.memory import refuse_what_does_not_fit
from parnet_zoo.networks.spec import ParNetSpec, ScalingSpec
from parnet_zoo.networks.topology import IMAGE, topology


@keras.saving.register_keras_serializable(package="parnet_zoo")
class ParNet(Backbone):
    """ParNet ("Non-deep Networks", arXiv 2110.07641) in training form, channels last.

    Headless it gives the final block's map (n, h / stride, w / stride, final_channels) and is a
    backbone for keras-cv and KerasHub; with `num_classes` it gives logits (n, num_classes), in
    float32 also where the rest computes in half precision.

    Args:
        scaling: Widths, depths, branches and the rest, as a `ScalingSpec` or its dictionary.
        num_classes: Classes of the head, or None for the backbone alone.
        image_shape: (height, width, channels) of the input; None leaves a side open. Sides must be
            multiples of the total stride.
        name: Name of the model.
        trainable: Whether its weights are.
        dtype: Keras dtype policy of its layers; the one in force by default.

    Raises:
        SpecError: `image_shape` does not fit, or images of such a size are given to the model; the
            message gives the nearest size that does.

    Example:
        >>> model = registry.get("parnet_s").build(num_classes=10)
        >>> model(numpy.zeros((1, 224, 224, 3))).shape
        (1, 10)
    """

    def __init__(
        self,
        *,
        scaling: ScalingSpec | dict[str, Any],
        num_classes: int | None = None,
        image_shape: tuple[int | None, int | None, int] | None = None,
        name: str = "parnet",
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        scaling = ScalingSpec.model_validate(scaling)
        shape = image_shape_of(
            image_shape, channels=scaling.in_channels, stride=scaling.total_stride, name=name
        )
        wiring = topology(scaling)
        with dtype_policy(dtype):
            image = keras.Input(shape, name=IMAGE)
            maps = draw_blocks(wiring, image, scaling.activation, block)
            outputs = maps[wiring.blocks[-1].name]
            if num_classes is not None:
                outputs = _head(outputs, scaling.dropout, num_classes)
            super().__init__(
                scaling=scaling,
                num_classes=num_classes,
                topology=wiring,
                maps=maps,
                outputs=outputs,
                image=image,
                stride=scaling.total_stride,
                name=name,
                trainable=trainable,
            )

    def draw_deploy_form(self, outputs: Sequence[str] | None = None) -> keras.Model:
        """Its deploy form; see `parnet_zoo.networks.deploy_form.to_deploy_form`."""
        from parnet_zoo.networks.deploy.parnet import draw_parnet_deploy

        return draw_parnet_deploy(self, outputs)


def build(spec: ParNetSpec, *, num_classes: int | None = None, **options: Any) -> ParNet:
    """Build a registered spec: headless, or giving logits of `num_classes` classes.

    Args:
        spec: Any ParNet spec.
        num_classes: Classes of the head, or None for the backbone alone.
        **options: Further arguments of `ParNet`, e.g. `image_shape`.

    Raises:
        SpecError: It would not fit in memory, or not take images of `image_shape`.
    """
    dtype = keras.dtype_policies.get(options.get("dtype")).variable_dtype
    shape = options.get("image_shape")
    refuse_what_does_not_fit(spec, num_classes=num_classes, dtype=dtype, image_shape=shape)
    return ParNet(
        scaling=spec.scaling, num_classes=num_classes, **{"name": keras_name(spec), **options}
    )


def _head(x: Any, dropout: float, num_classes: int) -> Any:
    x = layers.GlobalAveragePooling2D(name="head_pool")(x)
    x = layers.Dropout(dropout, name="head_dropout")(x)
    return logits(x, num_classes)
