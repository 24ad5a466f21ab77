"""A network of keras.applications as a backbone of this project."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from parnet_zoo.networks.baselines import SMALLEST, Architecture, BaselineSpec
from parnet_zoo.networks.dtype_policy import dtype_policy
from parnet_zoo.networks.head import logits
from parnet_zoo.networks.keras_name import keras_name
from registry import SpecError

# The last layer of each level. Only names that keras.applications gives itself: the others are
# counted up through the process, and differ from one model to the next.
_LEVELS: dict[Architecture, dict[str, str]] = {
    "ResNet50": {
        "P2": "conv2_block3_out",
        "P3": "conv3_block4_out",
        "P4": "conv4_block6_out",
        "P5": "conv5_block3_out",
    },
    "MobileNetV3Large": {
        "P2": "expanded_conv_2_add",
        "P3": "expanded_conv_5_add",
        "P4": "expanded_conv_11_add",
        "P5": "expanded_conv_14_add",
    },
    "MobileNetV3Small": {
        "P2": "expanded_conv_project_bn",
        "P3": "expanded_conv_2_add",
        "P4": "expanded_conv_7_add",
        "P5": "expanded_conv_10_add",
    },
    "EfficientNetV2B0": {
        "P2": "block2b_add",
        "P3": "block3b_add",
        "P4": "block5e_add",
        "P5": "block6h_add",
    },
}


@keras.saving.register_keras_serializable(package="parnet_zoo")
class Baseline(keras.Model):
    """A network of keras.applications with random weights; nothing is downloaded.

    Headless it gives its last map (n, h / 32, w / 32, c), rounded where a side is no multiple of
    32; with `num_classes` it gives logits (n, num_classes), in float32 also where the rest computes
    in half precision. Pixels are expected as the input pipeline normalises them: the network's own
    preprocessing is left out.

    Args:
        architecture: The function of keras.applications that draws it.
        head_units: Units of a dense layer between pooling and logits, or None.
        dropout: Rate before the logits.
        momentum: Of every BatchNorm's moving statistics.
        num_classes: Classes of the head, or None for the backbone alone.
        image_shape: (height, width, channels) of the input; None leaves a side open.
        name: Name of the model.
        trainable: Whether its weights are.
        dtype: Keras dtype policy of its layers; the one in force by default.

    Raises:
        ValueError: There is no such architecture here.
    """

    def __init__(
        self,
        *,
        architecture: Architecture,
        head_units: int | None = None,
        dropout: float = 0.0,
        momentum: float = 0.9,
        num_classes: int | None = None,
        image_shape: tuple[int | None, int | None, int] = (None, None, 3),
        name: str = "baseline",
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        with dtype_policy(dtype):
            image = keras.Input(image_shape, name="image")
            outputs = _body(architecture, image, momentum)
            if num_classes is not None:
                outputs = _head(outputs, head_units, dropout, num_classes)
            super().__init__(inputs=image, outputs=outputs, name=name, trainable=trainable)
        self.architecture = architecture
        self.head_units = head_units
        self.dropout = dropout
        self.momentum = momentum
        self.num_classes = num_classes
        self.image_shape = image_shape

    @property
    def pyramid_level_inputs(self) -> dict[str, str]:
        """keras-cv's feature pyramid: {"P3": name of the layer with stride 8, ...}."""
        return dict(_LEVELS[self.architecture])

    @property
    def pyramid_outputs(self) -> dict[str, Any]:
        """KerasHub's feature pyramid: {"P3": symbolic map with stride 8, ...}."""
        return {
            level: self.get_layer(name).output for level, name in self.pyramid_level_inputs.items()
        }

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "architecture": self.architecture,
            "head_units": self.head_units,
            "dropout": self.dropout,
            "momentum": self.momentum,
            "num_classes": self.num_classes,
            "image_shape": self.image_shape,
            "name": self.name,
            "trainable": self.trainable,
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Baseline:
        """Rebuild from `get_config`."""
        del custom_objects  # the network is made of Keras' own layers only
        return cls(**{**config, "image_shape": tuple(config["image_shape"])})


def build(
    spec: BaselineSpec,
    *,
    num_classes: int | None = None,
    image_shape: tuple[int | None, int | None, int] | None = None,
    **options: Any,
) -> Baseline:
    """Build a registered spec: headless, or giving logits of `num_classes` classes.

    Args:
        spec: Any baseline.
        num_classes: Classes of the head, or None for the backbone alone.
        image_shape: (height, width, channels); by default any size, and the spec's channels.
        **options: Further arguments of `Baseline`: `name`, `trainable`, `dtype`.

    Raises:
        SpecError: The images are smaller than the network takes.
    """
    shape = image_shape or (None, None, spec.in_channels)
    if any(side is not None and not spec.fits(side) for side in shape[:2]):
        raise SpecError(
            f"{spec.name} takes images of {SMALLEST} x {SMALLEST} pixels or more,"
            f" not {shape[0]} x {shape[1]}"
        )
    return Baseline(
        architecture=spec.architecture,
        head_units=spec.head_units,
        dropout=spec.dropout,
        momentum=spec.momentum,
        num_classes=num_classes,
        image_shape=shape,
        **{"name": keras_name(spec), **options},
    )


def _body(architecture: Architecture, image: Any, momentum: float) -> Any:
    """The last map of what keras.applications draws on an image."""
    if architecture not in _LEVELS:  # the name may come from a file
        raise ValueError(f"{architecture!r} is none of {', '.join(_LEVELS)}")
    # ResNet has no preprocessing inside, and so no argument for it.
    options = {} if architecture == "ResNet50" else {"include_preprocessing": False}
    draw = getattr(keras.applications, architecture)
    body = draw(include_top=False, weights=None, input_tensor=image, **options)
    for layer in body.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = momentum
    return body.output


def _head(x: Any, units: int | None, dropout: float, num_classes: int) -> Any:
    x = layers.GlobalAveragePooling2D(name="head_pool")(x)
    if units is not None:
        x = layers.Dense(units, activation="hard_silu", name="head_dense")(x)
    x = layers.Dropout(dropout, name="head_dropout")(x)
    return logits(x, num_classes)
