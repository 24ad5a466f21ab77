"""The blog's network in training form, as a Keras model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from parnet_zoo.networks.backbone import Backbone
from parnet_zoo.networks.blog.blocks import blog_block
from parnet_zoo.networks.blog.spec import STRIDE, BlogScaling, BlogSpec
from parnet_zoo.networks.blog.topology import blog_topology
from parnet_zoo.networks.draw_blocks import draw_blocks
from parnet_zoo.networks.dtype_policy import dtype_policy
from parnet_zoo.networks.head import logits
from parnet_zoo.networks.input_size import ImageShape, image_shape_of
from parnet_zoo.networks.keras_name import keras_name
from parnet_zoo.networks.memory import refuse_what_does_not_fit
from parnet_zoo.networks.topology import IMAGE
from registry import SpecError


@keras.saving.register_keras_serializable(package="parnet_zoo")
class ParNetBlog(Backbone):
    """A blog's Keras port of ParNet, with its differences, in training form, channels last.

    Headless it gives the final block's map (n, h / 64, w / 64, final_channels) of images of any
    size that is a multiple of 64. With `num_classes` it gives logits (n, num_classes), in float32
    also where the rest computes in half precision; its head reads every pixel of the final map, so
    it takes images of one size only.

    Args:
        scaling: Widths, depths and the rest, as a `BlogScaling` or its dictionary.
        num_classes: Classes of the head, or None for the backbone alone.
        image_shape: (height, width, channels) of the input. By default the scaling's resolution
            with a head, and any height and width without one; only without, None leaves a side
            open.
        name: Name of the model.
        trainable: Whether its weights are.
        dtype: Keras dtype policy of its layers; the one in force by default.

    Raises:
        SpecError: `image_shape` does not fit, or images of such a size are given to the model; the
            message gives the nearest size that does.

    Example:
        >>> model = registry.get("parnet_blog_s").build(num_classes=2)
        >>> model(numpy.zeros((1, 256, 256, 3))).shape
        (1, 2)
    """

    def __init__(
        self,
        *,
        scaling: BlogScaling | dict[str, Any],
        num_classes: int | None = None,
        image_shape: tuple[int | None, int | None, int] | None = None,
        name: str = "parnet_blog",
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        scaling = BlogScaling.model_validate(scaling)
        if image_shape is None and num_classes is not None:
            image_shape = (scaling.resolution, scaling.resolution, scaling.in_channels)
        shape = image_shape_of(image_shape, channels=scaling.in_channels, stride=STRIDE, name=name)
        wiring = blog_topology(scaling)
        with dtype_policy(dtype):
            image = keras.Input(shape, name=IMAGE)
            maps = draw_blocks(wiring, image, scaling.activation, blog_block)
            outputs = maps[wiring.blocks[-1].name]
            if num_classes is not None:
                outputs = _head(outputs, num_classes, shape, name)
            super().__init__(
                scaling=scaling,
                num_classes=num_classes,
                topology=wiring,
                maps=maps,
                outputs=outputs,
                image=image,
                stride=STRIDE,
                name=name,
                trainable=trainable,
            )

    def draw_deploy_form(self, outputs: Sequence[str] | None = None) -> keras.Model:
        """Its deploy form; see `parnet_zoo.networks.deploy_form.to_deploy_form`."""
        from parnet_zoo.networks.deploy.blog import draw_blog_deploy

        return draw_blog_deploy(self, outputs)


def build(spec: BlogSpec, *, num_classes: int | None = None, **options: Any) -> ParNetBlog:
    """Build a registered spec: headless, or giving logits of `num_classes` classes.

    Args:
        spec: Any spec of the family.
        num_classes: Classes of the head, or None for the backbone alone.
        **options: Further arguments of `ParNetBlog`, e.g. `image_shape`.

    Raises:
        SpecError: It would not fit in memory, or not take images of `image_shape`.
    """
    dtype = keras.dtype_policies.get(options.get("dtype")).variable_dtype
    shape = options.get("image_shape")
    refuse_what_does_not_fit(spec, num_classes=num_classes, dtype=dtype, image_shape=shape)
    return ParNetBlog(
        scaling=spec.scaling, num_classes=num_classes, **{"name": keras_name(spec), **options}
    )


def _head(x: Any, num_classes: int, shape: ImageShape, name: str) -> Any:
    if None in shape:
        raise SpecError(
            f"{name}: a head reads every pixel of the last map, so image_shape {shape} needs a"
            " height and a width"
        )
    return logits(layers.Flatten(name="head_flatten")(x), num_classes)
