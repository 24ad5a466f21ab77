"""ParNet in KerasHub: its tasks on our backbone, and presets that load in a fresh process."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import registry

needs_hub = pytest.mark.skipif(
    find_spec("keras_hub") is None, reason="the extra parnet-zoo[hub] is not installed"
)

SIZE, CLASSES = 64, 3
BOXES = {
    "boxes": np.array([[[4, 4, 30, 30]], [[10, 20, 40, 60]]], "float32"),
    "labels": np.array([[0], [1]]),
}
TASKS = ("classifier", "plain_classifier", "retinanet")


def pixels() -> Any:
    return np.random.default_rng(0).integers(0, 256, (2, SIZE, SIZE, 3)).astype("float32")


def parnet(**options: Any) -> Any:
    return registry.get("parnet_test").build(**options)


def classifier() -> Any:
    """With the classes that `ImageClassifier.from_preset` finds by the backbone."""
    from parnet_zoo.networks import hub

    converter = hub.ParNetImageConverter(image_size=(SIZE, SIZE), scale=1 / 255)
    return hub.ParNetImageClassifier(
        backbone=hub.ParNetBackbone(scaling=parnet().scaling),
        preprocessor=hub.ParNetImageClassifierPreprocessor(image_converter=converter),
        num_classes=CLASSES,
    )


def plain_classifier() -> Any:
    """KerasHub's own class on the network as it comes."""
    import keras_hub

    return keras_hub.models.ImageClassifier(backbone=parnet(), num_classes=CLASSES)


def retinanet() -> Any:
    from keras_hub import models

    backbone = models.RetinaNetBackbone(
        image_encoder=parnet(),
        min_level=3,
        max_level=5,
        use_p5=False,
        image_shape=(SIZE, SIZE, 3),
    )
    return models.RetinaNetObjectDetector(
        backbone=backbone,
        num_classes=2,
        bounding_box_format="yxyx",
        pre_logits_num_conv_layers=1,
    )


def outputs(model: Any) -> list[Any]:
    """What the network of a task gives, on images prepared by the task."""
    prepare = model.preprocessor or (lambda images: images)
    return [np.asarray(output) for output in keras.tree.flatten(model(prepare(pixels())))]


LOAD = """
import numpy as np, parnet_zoo.networks.hub, keras_hub, keras
pixels = np.load("pixels.npy")
tasks = {"retinanet": keras_hub.models.ImageObjectDetector}
for name in ("classifier", "plain_classifier", "retinanet"):
    task = tasks.get(name, keras_hub.models.ImageClassifier)
    forms = {"preset": task.from_preset(name), "keras": keras.saving.load_model(f"{name}.keras")}
    for form, model in forms.items():
        prepare = model.preprocessor or (lambda images: images)
        outputs = keras.tree.flatten(model(prepare(pixels)))
        np.savez(f"{name}.{form}.npz", *[np.asarray(output) for output in outputs])
backbone = keras_hub.models.Backbone.from_preset("backbone")
np.save("backbone.npy", backbone(pixels / 255))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keras_hub")


@pytest.fixture(scope="module")
def trained(folder: Path) -> dict[str, Any]:
    """Every task after one step, saved as a preset and as a `.keras` file."""
    keras.utils.set_random_seed(0)
    models = {
        "classifier": classifier(),
        "plain_classifier": plain_classifier(),
        "retinanet": retinanet(),
    }
    for name, model in models.items():
        labels = BOXES if name == "retinanet" else np.array([0, 2])
        first = next(weight for weight in model.trainable_weights if "stem_0" in weight.path)
        before = np.asarray(first)
        model.compile(optimizer="sgd", jit_compile=False)  # compiling takes longer than a step
        history = model.fit(pixels(), labels, batch_size=2, verbose=0)
        assert np.isfinite(history.history["loss"][0])
        assert np.any(np.asarray(first) != before), "gradients reach the first layer"
        model.save_to_preset(folder / name)
        model.save(folder / f"{name}.keras")
    return models


@pytest.fixture(scope="module")
def headed(folder: Path) -> Any:
    """A classifier of this project, its backbone saved as a preset."""
    from parnet_zoo.networks.hub import ParNetBackbone

    model = parnet(num_classes=5)
    ParNetBackbone.from_parnet(model).save_to_preset(folder / "backbone")
    return model


@pytest.fixture(scope="module")
def fresh(folder: Path, trained: dict[str, Any], headed: Any) -> Path:
    """The folder, with what a fresh process computed from all that was saved."""
    np.save(folder / "pixels.npy", pixels())
    command = [sys.executable, "-c", LOAD]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@needs_hub
@pytest.mark.slow
@pytest.mark.parametrize("form", ["preset", "keras"])
@pytest.mark.parametrize("name", TASKS)
def test_a_trained_task_computes_the_same_in_a_fresh_process(
    trained: dict[str, Any], fresh: Path, name: str, form: str
) -> None:
    expected = outputs(trained[name])
    arrays = np.load(fresh / f"{name}.{form}.npz")
    assert len(arrays) == len(expected)
    for key, array in zip(arrays, expected, strict=True):
        np.testing.assert_allclose(arrays[key], array, rtol=1e-4, atol=1e-5 * np.abs(array).max())


@needs_hub
@pytest.mark.slow
def test_the_backbone_of_a_trained_network_is_a_preset(headed: Any, fresh: Path) -> None:
    final = keras.Model(headed.input, headed.stage_outputs["final"])(pixels() / 255)
    np.testing.assert_allclose(np.load(fresh / "backbone.npy"), final, rtol=1e-4, atol=1e-5)


@needs_hub
@pytest.mark.slow
def test_a_backbone_preset_with_a_converter_makes_a_classifier(folder: Path, headed: Any) -> None:
    import keras_hub

    from parnet_zoo.networks import hub

    converter = hub.ParNetImageConverter(image_size=(SIZE, SIZE), scale=1 / 255)
    converter.save_to_preset(folder / "backbone")
    preset = str(folder / "backbone")
    model = keras_hub.models.ImageClassifier.from_preset(preset, num_classes=4)
    assert isinstance(model, hub.ParNetImageClassifier)
    np.testing.assert_allclose(model.preprocessor(pixels()), pixels() / 255, rtol=1e-6)
    assert model(pixels() / 255).shape == (2, 4)
    expected = keras.Model(headed.input, headed.stage_outputs["final"])(pixels() / 255)
    np.testing.assert_allclose(model.backbone(pixels() / 255), expected, rtol=1e-4, atol=1e-5)


@needs_hub
@pytest.mark.slow
def test_a_preset_loads_in_another_precision(trained: dict[str, Any], folder: Path) -> None:
    import keras_hub

    preset = str(folder / "classifier")
    backbone = keras_hub.models.Backbone.from_preset(preset, dtype="mixed_bfloat16")
    assert backbone.get_layer("final_dense_conv").compute_dtype == "bfloat16"
    wanted = trained["classifier"].backbone.weights
    for weight, expected in zip(backbone.weights, wanted, strict=True):
        np.testing.assert_array_equal(np.asarray(weight), np.asarray(expected))


@needs_hub
@pytest.mark.slow
def test_the_preset_says_which_tasks_it_is_for(trained: dict[str, Any], folder: Path) -> None:
    metadata = json.loads((folder / "classifier" / "metadata.json").read_text(encoding="utf-8"))
    assert metadata["tasks"] == ["ImageClassifier"]


def test_without_keras_hub_one_sentence_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    monkeypatch.delitem(sys.modules, "parnet_zoo.networks.hub", raising=False)
    with pytest.raises(ImportError, match=r"^KerasHub cannot be imported \(.*parnet-zoo\[hub\]'$"):
        importlib.import_module("parnet_zoo.networks.hub")
