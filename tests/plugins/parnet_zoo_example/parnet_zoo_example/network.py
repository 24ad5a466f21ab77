"""The family's networks in Keras."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers

from .spec import ExampleCnnSpec

ImageShape = tuple[int | None, int | None, int]


@keras.saving.register_keras_serializable(package="parnet_zoo_example")
class ExampleCnn(keras.Model):
    """Stages of a 3x3 convolution of stride 2, BatchNorm and ReLU.

    Headless it gives the last stage's map; with `num_classes` logits (n, num_classes) in float32.
    """

    def __init__(
        self,
        *,
        channels: Sequence[int],
        dropout: float = 0.0,
        num_classes: int | None = None,
        image_shape: ImageShape = (None, None, 3),
        name: str = "example_cnn",
        trainable: bool = True,
    ) -> None:
        image = keras.Input(image_shape, name="image")
        outputs = _stages(image, channels, folded=False)
        if num_classes is not None:
            outputs = layers.GlobalAveragePooling2D(name="head_pool")(outputs)
            outputs = layers.Dropout(dropout, name="head_dropout")(outputs)
            outputs = layers.Dense(num_classes, dtype="float32", name="head_logits")(outputs)
        super().__init__(inputs=image, outputs=outputs, name=name, trainable=trainable)
        self.channels = tuple(channels)
        self.dropout = dropout
        self.num_classes = num_classes
        self.image_shape = tuple(image_shape)
        self._numbers = range(1, len(self.channels) + 1)

    @property
    def stage_outputs(self) -> dict[str, Any]:
        """Stages that can be frozen: the names of their layers begin with theirs."""
        return {f"stage_{n}": _output(self, f"stage_{n}_relu") for n in self._numbers}

    @property
    def pyramid_level_inputs(self) -> dict[str, str]:
        """For keras-cv: {"P1": name of the layer with stride 2, ...}."""
        return {f"P{n}": f"stage_{n}_relu" for n in self._numbers}

    @property
    def pyramid_outputs(self) -> dict[str, Any]:
        """For KerasHub: {"P1": symbolic map with stride 2, ...}."""
        return {level: _output(self, name) for level, name in self.pyramid_level_inputs.items()}

    def draw_deploy_form(self, outputs: Sequence[str] | None = None) -> keras.Model:
        """The same function with every BatchNorm folded into the convolution before it."""
        image = keras.Input(self.image_shape, name="image")
        result = _stages(image, self.channels, folded=True)
        if self.num_classes is not None:
            result = layers.GlobalAveragePooling2D(name="head_pool")(result)
            result = layers.Dense(self.num_classes, name="head_logits")(result)
        deploy = keras.Model(image, result, name=f"{self.name}_deploy")
        for n in self._numbers:
            conv, norm = (self.get_layer(f"stage_{n}_{kind}") for kind in ("conv", "bn"))
            deploy.get_layer(f"stage_{n}_conv").set_weights(_folded(conv, norm))
        if self.num_classes is not None:
            deploy.get_layer("head_logits").set_weights(self.get_layer("head_logits").get_weights())
        if outputs is None:
            return deploy
        levels = self.pyramid_level_inputs
        return keras.Model(image, {level: _output(deploy, levels[level]) for level in outputs})

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "channels": self.channels,
            "dropout": self.dropout,
            "num_classes": self.num_classes,
            "image_shape": self.image_shape,
            "name": self.name,
            "trainable": self.trainable,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> ExampleCnn:
        """Rebuild from `get_config`."""
        del custom_objects
        return cls(**{**config, "image_shape": tuple(config["image_shape"])})


def build(
    spec: ExampleCnnSpec,
    *,
    num_classes: int | None = None,
    image_shape: ImageShape | None = None,
    **options: Any,
) -> ExampleCnn:
    """What `spec.build()` calls: the spec's `builder` names it."""
    return ExampleCnn(
        channels=spec.channels,
        dropout=spec.dropout,
        num_classes=num_classes,
        image_shape=image_shape or (None, None, spec.in_channels),
        **{"name": spec.name.replace("+", "_"), **options},
    )


def _stages(x: Any, channels: Sequence[int], *, folded: bool) -> Any:
    for n, width in enumerate(channels, start=1):
        x = layers.ZeroPadding2D(1, name=f"stage_{n}_pad")(x)
        x = layers.Conv2D(width, 3, strides=2, use_bias=folded, name=f"stage_{n}_conv")(x)
        if not folded:
            # Keras' own 0.99 lags behind in a short training, which is validated on it
            x = layers.BatchNormalization(momentum=0.9, name=f"stage_{n}_bn")(x)
        x = layers.Activation("relu", name=f"stage_{n}_relu")(x)
    return x


def _folded(conv: Any, norm: Any) -> list[Any]:
    """Kernel and bias of a convolution that does what both layers do in inference."""
    [kernel] = conv.get_weights()
    gamma, beta, mean, variance = norm.get_weights()
    scale = gamma / np.sqrt(variance + norm.epsilon)
    return [kernel * scale, beta - mean * scale]


def _output(model: keras.Model, layer: str) -> Any:
    return model.get_layer(layer).output
