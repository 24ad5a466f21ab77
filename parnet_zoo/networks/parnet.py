"""ParNet in training form, as a Keras model."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from parnet_zoo.networks.blocks import block
from parnet_zoo.networks.spec import ParNetSpec, ScalingSpec
from parnet_zoo.networks.topology import IMAGE, Topology, topology


@keras.saving.register_keras_serializable(package="parnet_zoo")
class ParNet(keras.Model):
    """ParNet ("Non-deep Networks", arXiv 2110.07641) in training form, channels last.

    Headless it gives the final block's map (n, h / stride, w / stride, final_channels) and is a
    backbone for keras-cv and KerasHub; with `num_classes` it gives logits (n, num_classes), always
    in float32.

    Args:
        scaling: Widths, depths, branches and the rest, as a `ScalingSpec` or its dictionary.
        num_classes: Classes of the head, or None for the backbone alone.
        image_shape: (height, width, channels) of the input; None leaves a side open. Sides must be
            multiples of the total stride.
        name: Name of the model.
        trainable: Whether its weights are.

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
    ) -> None:
        scaling = ScalingSpec.model_validate(scaling)
        shape = tuple(image_shape or (None, None, scaling.in_channels))
        wiring = topology(scaling)
        image = keras.Input(shape, name=IMAGE)
        maps = _draw(wiring, image, scaling.activation)
        outputs = maps[wiring.blocks[-1].name]
        if num_classes is not None:
            outputs = _head(outputs, scaling.dropout, num_classes)
        super().__init__(inputs=image, outputs=outputs, name=name, trainable=trainable)
        self.scaling = scaling
        self.num_classes = num_classes
        self.image_shape = shape
        self.topology = wiring
        self._maps = {name: maps[last] for name, last in wiring.stages.items()}

    @property
    def stage_outputs(self) -> dict[str, Any]:
        """Every named stage (stem_0, stream_1, merge_2, final, ...) as a symbolic feature map."""
        return dict(self._maps)

    @property
    def pyramid_outputs(self) -> dict[str, Any]:
        """KerasHub's feature pyramid: {"P3": symbolic map with stride 8, ...}."""
        ends = {last: stage for stage, last in self.topology.stages.items()}
        return {f"P{n}": self._maps[ends[last]] for n, last in self.topology.pyramid.items()}

    @property
    def pyramid_level_inputs(self) -> dict[str, str]:
        """keras-cv's feature pyramid: {"P3": name of the layer with stride 8, ...}."""
        return {
            level: output._keras_history.operation.name
            for level, output in self.pyramid_outputs.items()
        }

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "scaling": self.scaling.model_dump(mode="json"),
            "num_classes": self.num_classes,
            "image_shape": self.image_shape,
            "name": self.name,
            "trainable": self.trainable,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> ParNet:
        """Rebuild from `get_config`."""
        del custom_objects  # the network is made of registered layers only
        shape = config.get("image_shape")
        return cls(**{**config, "image_shape": tuple(shape) if shape else None})


def build(spec: ParNetSpec, *, num_classes: int | None = None, **options: Any) -> ParNet:
    """Build a registered spec: headless, or giving logits of `num_classes` classes.

    Args:
        spec: Any ParNet spec.
        num_classes: Classes of the head, or None for the backbone alone.
        **options: Further arguments of `ParNet`, e.g. `image_shape`.
    """
    # Keras forbids some characters of derived names, as in `parnet_s+w1.25`, in its scopes.
    name = spec.name.replace("+", "_")
    return ParNet(scaling=spec.scaling, num_classes=num_classes, **{"name": name, **options})


def _draw(wiring: Topology, image: Any, activation: str) -> dict[str, Any]:
    """Every block's output by name."""
    maps = {IMAGE: image}
    for plan in wiring.blocks:
        maps[plan.name] = block(plan, [maps[name] for name in plan.inputs], activation)
    return maps


def _head(x: Any, dropout: float, num_classes: int) -> Any:
    x = layers.GlobalAveragePooling2D(name="head_pool")(x)
    x = layers.Dropout(dropout, name="head_dropout")(x)
    # Logits in half precision lose accuracy in the softmax and are hardly cheaper.
    return layers.Dense(num_classes, dtype="float32", name="head_logits")(x)
