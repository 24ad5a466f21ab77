"""ParNet for KerasHub: presets of the backbone and of the image classifier.

KerasHub's tasks take a plain `ParNet` as well. The classes here are what its presets look for: a
`Backbone`, and a classifier, a preprocessor and an image converter that name it as their
`backbone_cls`. Importing this module registers them:

    import keras_hub
    import parnet_zoo.networks.hub

    classifier = keras_hub.models.ImageClassifier.from_preset("digits")
"""

from __future__ import annotations

from typing import Any, Self

import keras

from parnet_zoo.networks.missing_extra import MissingExtraError
from parnet_zoo.networks.parnet import ParNet
from parnet_zoo.networks.spec import ScalingSpec

try:
    import keras_hub
except ImportError as error:
    raise MissingExtraError(
        f"KerasHub cannot be imported ({error}); install it with pip install 'parnet-zoo[hub]'"
    ) from error


@keras.saving.register_keras_serializable(package="parnet_zoo")
class ParNetBackbone(ParNet, keras_hub.models.FeaturePyramidBackbone):
    """The headless ParNet as a KerasHub backbone, with `save_to_preset` and `from_preset`.

    It gives the final block's map (n, h / stride, w / stride, final_channels).

    Args:
        scaling: Widths, depths, branches and the rest, as a `ScalingSpec` or its dictionary.
        image_shape: (height, width, channels) of the input; None leaves a side open. Sides must be
            multiples of the total stride.
        name: Name of the model.
        trainable: Whether its weights are.
        dtype: Keras dtype policy of its layers; the one in force by default.

    Raises:
        SpecError: `image_shape` does not fit; the message gives the nearest size that does.

    Example:
        >>> backbone = ParNetBackbone(scaling=registry.get("parnet_s").scaling)
        >>> backbone.save_to_preset("parnet_s")
        >>> keras_hub.models.Backbone.from_preset("parnet_s")
    """

    def __init__(
        self,
        *,
        scaling: ScalingSpec | dict[str, Any],
        image_shape: tuple[int | None, int | None, int] | None = None,
        name: str = "parnet_backbone",
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            scaling=scaling, image_shape=image_shape, name=name, trainable=trainable, dtype=dtype
        )

    @classmethod
    def from_parnet(cls, model: ParNet) -> Self:
        """The backbone of a trained ParNet, with copies of its weights; a head is left out."""
        backbone = cls(
            scaling=model.scaling,
            image_shape=model.image_shape,
            name=model.name,
            trainable=model.trainable,
            dtype=model.dtype_policy,
        )
        for layer in backbone.layers:
            layer.set_weights(model.get_layer(layer.name).get_weights())
        return backbone

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        config = super().get_config()
        del config["num_classes"]
        return config


@keras.saving.register_keras_serializable(package="parnet_zoo")
class ParNetImageConverter(keras_hub.layers.ImageConverter):
    """Resizes and rescales images for a ParNet; its settings are kept in the preset."""

    backbone_cls = ParNetBackbone


@keras.saving.register_keras_serializable(package="parnet_zoo")
class ParNetImageClassifierPreprocessor(keras_hub.models.ImageClassifierPreprocessor):
    """Prepares images for `ParNetImageClassifier`."""

    backbone_cls = ParNetBackbone
    image_converter_cls = ParNetImageConverter


@keras.saving.register_keras_serializable(package="parnet_zoo")
class ParNetImageClassifier(keras_hub.models.ImageClassifier):
    """A classifier on a `ParNetBackbone`; `ImageClassifier.from_preset` finds it by itself."""

    backbone_cls = ParNetBackbone
    preprocessor_cls = ParNetImageClassifierPreprocessor
