"""ParNet as the backbone of keras-cv's tasks: built, trained for a step, saved, loaded anywhere."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import registry

pytestmark = pytest.mark.slow

SIZE, CLASSES = 64, 2
TASKS = ("classifier", "retinanet", "yolo", "deeplab")
BOXES = {
    "boxes": np.array([[[4, 4, 30, 30]], [[10, 20, 40, 60]]], "float32"),
    "classes": np.array([[0], [1]], "float32"),
}


@dataclass(frozen=True)
class Trained:
    """A task after one step."""

    loss: float
    moved: set[str]
    outputs: list[Any]


def images() -> Any:
    return np.random.default_rng(0).random((2, SIZE, SIZE, 3)).astype("float32")


def task(name: str) -> tuple[Any, Any]:
    """A compiled task on a fresh backbone, and its labels of two images."""
    from keras_cv import models

    backbone = registry.get("parnet_test").build(image_shape=(SIZE, SIZE, 3))
    boxes = {"bounding_box_format": "xyxy", "num_classes": CLASSES}
    # The losses are large at first: a gentle step stays finite. Compiling takes longer than a step.
    fit = {"optimizer": keras.optimizers.SGD(1e-3, global_clipnorm=1.0), "jit_compile": False}
    if name == "classifier":
        model = models.ImageClassifier(backbone=backbone, num_classes=CLASSES)
        model.compile(loss="sparse_categorical_crossentropy", **fit)
        return model, np.array([0, 1])
    if name == "retinanet":
        model = models.RetinaNet(backbone=backbone, **boxes)
        model.compile(classification_loss="focal", box_loss="smoothl1", **fit)
        return model, BOXES
    if name == "yolo":
        model = models.YOLOV8Detector(backbone=backbone, fpn_depth=1, **boxes)
        model.compile(classification_loss="binary_crossentropy", box_loss="ciou", **fit)
        return model, BOXES
    model = models.DeepLabV3Plus(backbone=backbone, num_classes=CLASSES)
    model.compile(loss="sparse_categorical_crossentropy", **fit)
    return model, np.zeros((2, SIZE, SIZE, 1), "int32")


def trained(name: str, folder: Path) -> Trained:
    """The task after one step, saved in the folder."""
    model, labels = task(name)
    before = {weight.path: np.asarray(weight) for weight in model.backbone.trainable_weights}
    history = model.fit(images(), labels, batch_size=2, verbose=0)
    moved = {
        weight.path
        for weight in model.backbone.trainable_weights
        if np.any(np.asarray(weight) != before[weight.path])
    }
    model.save(folder / f"{name}.keras")
    outputs = [np.asarray(output) for output in keras.tree.flatten(model(images()))]
    return Trained(history.history["loss"][0], moved, outputs)


LOAD = """
import sys
import keras_cv, numpy as np, parnet_zoo.networks, keras
images = np.load("images.npy")
for name in sys.argv[1:]:
    outputs = keras.saving.load_model(f"{name}.keras")(images)
    np.savez(f"{name}.npz", *[np.asarray(output) for output in keras.tree.flatten(outputs)])
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keras_cv")


@pytest.fixture(scope="module")
def steps(folder: Path) -> dict[str, Trained]:
    keras.utils.set_random_seed(0)
    return {name: trained(name, folder) for name in TASKS}


@pytest.fixture(scope="module")
def loaded(folder: Path, steps: dict[str, Trained]) -> dict[str, list[Any]]:
    """The outputs of the saved tasks in a fresh process."""
    np.save(folder / "images.npy", images())
    command = [sys.executable, "-c", LOAD, *steps]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    files = {name: np.load(folder / f"{name}.npz") for name in steps}
    return {name: [arrays[key] for key in arrays] for name, arrays in files.items()}


@pytest.mark.parametrize("name", TASKS)
def test_a_step_trains_the_backbone(steps: dict[str, Trained], name: str) -> None:
    step = steps[name]
    assert np.isfinite(step.loss)
    assert any("stem_0_dense_conv" in path for path in step.moved), (
        "gradients reach the first layer"
    )
    assert all(np.isfinite(output).all() for output in step.outputs)


@pytest.mark.parametrize("name", TASKS)
def test_a_saved_task_computes_the_same_in_a_fresh_process(
    steps: dict[str, Trained], loaded: dict[str, list[Any]], name: str
) -> None:
    assert len(loaded[name]) == len(steps[name].outputs)
    for got, expected in zip(loaded[name], steps[name].outputs, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
