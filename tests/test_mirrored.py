"""Several devices of one host, tried on logical devices of the processor."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import Done, parnet_zoo_command
from tests.test_cli import write_pictures

pytestmark = pytest.mark.slow

STEPS = """
import json, sys
from parnet_zoo.training.silence import import_quietly
import_quietly()
import keras, numpy as np, tensorflow as tf
from parnet_zoo.recipe import Recipe
from parnet_zoo.training.learner import Learner
from parnet_zoo.training.strategy import training_strategy
data, sizes, out = json.loads(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3]
recipe = Recipe.model_validate(data)
strategy = training_strategy(recipe.distribution)
keras.utils.set_random_seed(0)
learner = Learner(recipe, 3, precision="float32", strategy=strategy,
                  class_weights=np.asarray([1.0, 2.0, 0.5], np.float32))
learner.begin()
random = np.random.default_rng(0)
losses = []
for number, size in enumerate(sizes):
    pixels = random.normal(size=(size, 32, 32, 3)).astype(np.float32)
    targets = np.eye(3, dtype=np.float32)[random.integers(0, 3, size)]
    sums = learner.step(tf.constant(pixels), tf.constant(targets), number=number, rate=0.05)
    losses.append([float(sums.loss), float(sums.correct)])
    learner.restore(learner.values())  # as a training that goes on
arrays = {name.replace("/", "|"): value for name, value in learner.values().items()}
np.savez(out, losses=np.asarray(losses), **arrays)
"""


def trained(folder: Path, sizes: list[int], **changes: Any) -> dict[str, Any]:
    """Variables and losses after a step with each size of batch."""
    recipe = {
        "name": "steps",
        "epochs": 1,
        "model": {"name": "parnet_test", "resolution": 32},
        "optimizer": {"name": "sgd", "momentum": 0.9, "weight_decay": 1e-3},
        "ema": 0.5,
        **changes,
    }
    out = folder / f"{len(list(folder.iterdir()))}.npz"
    arguments = [json.dumps(recipe), json.dumps(sizes), str(out)]
    done = subprocess.run(
        [sys.executable, "-c", STEPS, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(out) as arrays:
        return dict(arrays)


TWO = {"strategy": "mirrored", "devices": 2, "sync_batch_norm": True}


def test_two_devices_do_what_one_does_with_the_whole_batch(tmp_path: Path) -> None:
    optimizer = {"name": "sgd", "weight_decay": 0.01, "clip_norm": 0.1, "accumulation": 2}
    changes = {"optimizer": {**optimizer, "layer_decay": 0.7}}
    sizes = [8, 7, 8, 6]  # also one that cannot be divided
    one = trained(tmp_path, sizes, **changes)
    two = trained(tmp_path, sizes, distribution=TWO, **changes)
    assert one.keys() == two.keys()
    for name, value in one.items():
        np.testing.assert_allclose(two[name], value, rtol=2e-3, atol=2e-4, err_msg=name)


def test_a_batch_smaller_than_the_devices_keeps_all_numbers_finite(tmp_path: Path) -> None:
    alone = {**TWO, "sync_batch_norm": False}
    arrays = trained(tmp_path, [4, 1], distribution=alone)
    assert all(np.isfinite(value).all() for value in arrays.values())


def test_a_training_on_two_devices_ends_with_a_version(tmp_path: Path) -> None:
    write_pictures(tmp_path / "pictures", {"train/a": 13, "train/b": 13, "test/a": 4, "test/b": 4})
    settings = ["distribution.strategy=mirrored", "distribution.devices=2", "batch_size=6"]
    (tmp_path / "two.yaml").write_text(
        "name: two\nepochs: 2\nema: 0.5\n"
        "model: {name: parnet_test, resolution: 32, scaling: {dropout: 0.2}}\n"
        "data: {root: pictures, validation: 0.25}\n"
    )
    sets = [part for setting in settings for part in ("--set", setting)]
    done: Done = parnet_zoo_command(tmp_path, "train", "two.yaml", "--json", *sets)
    assert done.code == 0, done.stderr
    assert "2 logical devices of the CPU" in done.stderr
    assert done.json["model_version"] == 1
