"""Run where the example plugin is installed: prints what it finds as one JSON object."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np

import registry
from parnet_zoo.networks.deploy_form import to_deploy_form
from parnet_zoo.networks.freezing import freeze

CLASSES = 10


def main() -> None:
    keras.utils.set_random_seed(0)
    spec = registry.get("example_cnn_s")
    model = spec.build(num_classes=CLASSES)
    before = [weight.numpy() for weight in model.trainable_weights]
    loss = trained_for_a_step(model)
    pictures = images(4)
    deploy = to_deploy_form(model)
    levels = to_deploy_form(model, outputs=("P1", "P3"))(pictures)
    trained_levels = keras.Model(model.input, model.pyramid_outputs)(pictures)
    facts = {
        "class": type(spec).__name__,
        "headless": list(spec.build()(pictures).shape),
        "half": half_precision(spec),
        "loss": loss,
        "weights_changed": sum(
            bool((old != weight.numpy()).any())
            for old, weight in zip(before, model.trainable_weights, strict=True)
        ),
        "weights": len(before),
        "costs": costs(spec),
        "deploy_layers": sorted({type(layer).__name__ for layer in deploy.layers}),
        "deploy_difference": difference(deploy(pictures), model(pictures)),
        "levels_difference": [difference(levels[name], trained_levels[name]) for name in levels],
        "loaded_difference": difference(saved_and_loaded(model)(pictures), model(pictures)),
        "wider": [spec.scaled(width=1.5).name, list(spec.scaled(width=1.5).widths)],
        "families": sorted(registry.families()),
        "frozen": frozen(spec),
        "sentences": [sentence(mistake) for mistake in mistakes(spec)],
    }
    sys.stdout.write(json.dumps(facts))


def images(count: int) -> Any:
    return np.random.default_rng(0).normal(size=(count, 32, 32, 3)).astype("float32")


def trained_for_a_step(model: Any) -> float:
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    history = model.fit(images(8), np.arange(8), batch_size=8, epochs=1, verbose=0)
    return float(history.history["loss"][0])


def frozen(spec: registry.BackboneSpec) -> list[Any]:
    """The stages frozen, and by how many trainable parameters, counted and told by the spec."""
    model = spec.build(num_classes=CLASSES)
    before = counted(model.trainable_weights)
    stages = freeze(model, ["stage_1", "stage_2"])
    fewer = before - counted(model.trainable_weights)
    return [list(stages), fewer, sum(spec.stages[stage] for stage in stages)]


def half_precision(spec: registry.BackboneSpec) -> list[str]:
    """What the last map and the logits are computed in."""
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = spec.build(num_classes=CLASSES)
    finally:
        keras.config.set_dtype_policy("float32")
    return [model.pyramid_outputs["P3"].dtype, model.output.dtype]


def costs(spec: registry.BackboneSpec) -> dict[str, list[dict[str, int]]]:
    """Of each form, as the spec tells it and as the built network has it."""
    model = spec.build(num_classes=CLASSES, image_shape=(32, 32, 3))
    forms = {"training": model, "deploy": to_deploy_form(model)}
    return {
        form: [spec.cost(num_classes=CLASSES, form=form).model_dump(), built_cost(network)]
        for form, network in forms.items()
    }


def built_cost(model: Any) -> dict[str, int]:
    layers = [layer for layer in model.layers if layer.name != "image"]
    areas = [math.prod(layer.output.shape[1:-1]) for layer in layers]
    return {
        "parameters": counted(model.trainable_weights),
        "non_trainable": counted(model.non_trainable_weights),
        "multiply_adds": sum(
            area * math.prod(layer.kernel.shape)
            for layer, area in zip(layers, areas, strict=True)
            if hasattr(layer, "kernel")
        ),
        "activation_bytes": 4 * sum(math.prod(layer.output.shape[1:]) for layer in layers),
    }


def counted(weights: list[Any]) -> int:
    return sum(math.prod(weight.shape) for weight in weights)


def saved_and_loaded(model: Any) -> Any:
    with TemporaryDirectory() as folder:
        path = Path(folder, "model.keras")
        model.save(path)
        return keras.models.load_model(path)


def difference(first: Any, second: Any) -> float:
    return float(np.abs(np.asarray(first) - np.asarray(second)).max())


def mistakes(spec: Any) -> list[Callable[[], Any]]:
    same_family = {**spec.model_dump(), "name": "other", "family": "parnet"}
    return [
        lambda: spec.scaled(channels=(64, 16)),
        lambda: spec.scaled(resolution=20),
        lambda: spec.scaled(widht=2),
        spec.model_copy(update={"builder": "parnet_zoo_example.network:bild"}).build,
        spec.model_copy(update={"builder": "parnet_zoo_exampel.network:build"}).build,
        spec.model_copy(update={"coster": "parnet_zoo_example.cost:SpecError"}).cost,
        lambda: registry.register(type(spec).model_validate(same_family)),
        lambda: registry.register(spec),
    ]


def sentence(mistake: Callable[[], Any]) -> str:
    try:
        mistake()
    except registry.RegistryError as error:
        return str(error)
    return "no error"


if __name__ == "__main__":
    main()
