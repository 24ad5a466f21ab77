"""What networks of this package have in common as Keras models: named outputs, image sizes."""

from __future__ import annotations

from typing import Any, Self

import keras

from parnet_zoo.networks.input_size import check_batch
from parnet_zoo.networks.topology import Topology


class Backbone(keras.Model):
    """A functional model that knows its stages and its feature pyramid.

    A subclass draws the graph and hands it over; its constructor takes the keywords of
    `get_config`.

    Args:
        scaling: Its pydantic spec.
        num_classes: Classes of the head, or None.
        topology: The wiring that was drawn.
        maps: The output of every block of the wiring, by name.
        outputs: The model's output.
        image: Its input.
        stride: Heights and widths of images are multiples of it.
        name: Name of the model.
        trainable: Whether its weights are.
    """

    def __init__(
        self,
        *,
        scaling: Any,
        num_classes: int | None,
        topology: Topology,
        maps: dict[str, Any],
        outputs: Any,
        image: Any,
        stride: int,
        name: str,
        trainable: bool,
    ) -> None:
        super().__init__(inputs=image, outputs=outputs, name=name, trainable=trainable)
        self.scaling = scaling
        self.num_classes = num_classes
        self.image_shape = tuple(image.shape[1:])
        self.topology = topology
        self._stride = stride
        self._maps = {stage: maps[last] for stage, last in topology.stages.items()}

    def __call__(self, inputs: Any, *args: Any, **options: Any) -> Any:
        """Apply the network to images (n, h, w, c).

        Raises:
            SpecError: The height or the width is known and does not fit.
        """
        # Here and not in `call`, whose errors Keras spreads over many lines.
        check_batch(getattr(inputs, "shape", None), stride=self._stride, name=self.name)
        return super().__call__(inputs, *args, **options)

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
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        """Rebuild from `get_config`."""
        del custom_objects  # the network is made of registered layers only
        shape = config.get("image_shape")
        return cls(**{**config, "image_shape": tuple(shape) if shape else None})
