"""Measure training steps: parnet_s as parnet-zoo trains it, against the blog's network under Keras.

    python benchmarks/training_step.py [--sizes 96 128 192 224] [--batch 32] [--rounds 7] [--json]
    python benchmarks/training_step.py --digits

Everything takes turns in one process. A round runs each for about half a second, at least one step,
and who begins changes from round to round. `--digits` trains a small network on scikit-learn's
digits in float32 and in bfloat16 instead, and prints what both get right.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import os
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import partial
from typing import Any
from unittest.mock import patch

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from this_machine import this_machine

import registry
from parnet_zoo.networks.batch_norm import EPSILON, MOMENTUM
from parnet_zoo.networks.dtype_policy import dtype_policy
from parnet_zoo.recipe import Recipe
from parnet_zoo.training.learner import Learner

SIZES = (96, 128, 192, 224)
BLOG_STRIDE = 64
SECONDS = 0.5
OURS, BLOG = "parnet_s, ours", "blog's, Keras"
CONTENDERS = {
    OURS: ("mixed_bfloat16", True),
    "  without fused BN": ("mixed_bfloat16", False),
    "  without bfloat16": ("float32", True),
    "  without both": ("float32", False),
}
"""Keras dtype policy, and whether BatchNorm is ours or `keras.layers.BatchNormalization`."""
Step = Callable[[], Any]


def main() -> None:
    """Run the benchmark and print a table or JSON."""
    options = _options()
    machine = this_machine()
    if options.digits:
        print(json.dumps(_digits(options.seeds), indent=2))
        return
    if not options.json:
        print(_headline(machine, options))
    measured = {}
    for size in options.sizes:
        measured[str(size)] = found = _compare(size, options.batch, options.rounds)
        gc.collect()
        if not options.json:
            print(_table(size, found), flush=True)
    if options.json:
        result = {"machine": machine, "batch": options.batch, "rounds": options.rounds}
        json.dump({**result, "sizes": measured}, sys.stdout, indent=2)
        print()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    add = parser.add_argument
    add("--sizes", type=int, nargs="+", default=SIZES, help="pixels (96, 128, 192 and 224)")
    add("--batch", type=int, default=32, help="images a step (default: 32)")
    add("--rounds", type=int, default=7, help="turns of each (default: 7)")
    add("--digits", action="store_true", help="compare accuracies in place of speed")
    add("--seeds", type=int, default=3, help="trainings of each precision (default: 3)")
    add("--json", action="store_true", help="one JSON object on stdout")
    return parser.parse_args()


def _compare(size: int, batch: int, rounds: int) -> dict[str, Any]:
    """Take turns; gives seconds an image, medians over the rounds, and the ratios to ours."""
    # The blog's network takes multiples of 64 only: the one below, and what is compared is pixels.
    blog_size = size // BLOG_STRIDE * BLOG_STRIDE
    steps = {name: _ours(size, batch, *how) for name, how in CONTENDERS.items()}
    steps[BLOG] = _blog(blog_size, batch)
    repeats = {name: _repeats(step) for name, step in steps.items()}
    wall: dict[str, list[float]] = {name: [] for name in steps}
    busy: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(rounds):
        order = list(steps) if number % 2 == 0 else list(steps)[::-1]
        for name in order:
            seconds, cpu = _timed(steps[name], repeats[name])
            pixels = (size / blog_size) ** 2 if name == BLOG else 1.0
            wall[name].append(seconds / batch * pixels)
            busy[name].append(cpu / batch * pixels)
    return {
        name: {
            "images_per_second": 1 / statistics.median(wall[name]),
            "cpu_ms_per_image": 1000 * statistics.median(busy[name]),
            "ours_is_faster": _ratio(wall[name], wall[OURS]),
            "ours_is_cheaper": _ratio(busy[name], busy[OURS]),
            "size": blog_size if name == BLOG else size,
        }
        for name in steps
    }


def _ours(size: int, batch: int, precision: str, fused: bool) -> Step:
    """A step of `parnet-zoo train` with parnet_s."""
    recipe = Recipe.model_validate(
        {
            "name": "benchmark",
            "epochs": 1,
            "model": {"name": "parnet_s", "resolution": size},
            "optimizer": {"name": "adam"},
        }
    )
    with nullcontext() if fused else _keras_batch_norm():
        learner = _learner(recipe, 2, precision)
    pixels, targets = _batch(size, batch)
    return lambda: float(learner.step(pixels, targets, number=0, rate=1e-3).loss)


def _learner(recipe: Recipe, classes: int, precision: str) -> Learner:
    learner = Learner(
        recipe,
        classes,
        precision=precision,
        strategy=tf.distribute.get_strategy(),
        class_weights=np.ones(classes, np.float32),
    )
    learner.begin()
    return learner


def _blog(size: int, batch: int) -> Step:
    """A step of Keras' `fit` with the blog's network in float32, as the blog trains it."""
    with dtype_policy("float32"), _keras_batch_norm():
        model = registry.get("parnet_blog_s").build(num_classes=2, image_shape=(size, size, 3))
    # Keras would choose XLA, which is slower here and takes minutes to begin.
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(), loss, metrics=["accuracy"], jit_compile=False)
    batches = iter(tf.data.Dataset.from_tensors(_batch(size, batch)).repeat())
    model.make_train_function()
    return lambda: float(model.train_function(batches)["loss"])


def _keras_batch_norm() -> AbstractContextManager[Any]:
    """Networks that are built meanwhile get Keras' own batch normalisation."""
    plain = keras.layers.BatchNormalization
    stack = ExitStack()
    defaults = partial(plain, epsilon=EPSILON, momentum=MOMENTUM)
    stack.enter_context(patch("parnet_zoo.networks.blocks.BatchNorm", defaults))
    stack.enter_context(patch("parnet_zoo.networks.blog.blocks.BatchNorm", plain))
    return stack


def _batch(size: int, count: int) -> tuple[tf.Tensor, tf.Tensor]:
    pixels = np.random.default_rng(0).normal(size=(count, size, size, 3)).astype(np.float32)
    return tf.constant(pixels), tf.one_hot(np.arange(count) % 2, 2)


def _repeats(step: Step) -> int:
    """Steps in a round; also traces the graph and warms it up."""
    step()
    step()
    seconds, _ = _timed(step, 1)
    return max(1, math.ceil(SECONDS / seconds))


def _timed(step: Step, repeats: int) -> tuple[float, float]:
    """Seconds a step on the clock, and of all processors together."""
    start, busy = time.perf_counter(), time.process_time()
    for _ in range(repeats):
        step()
    ends = time.perf_counter() - start, time.process_time() - busy
    return ends[0] / repeats, ends[1] / repeats


def _ratio(theirs: list[float], ours: list[float]) -> float:
    """The median over the rounds of their time over ours."""
    return statistics.median(a / b for a, b in zip(theirs, ours, strict=True))


def _digits(seeds: int) -> dict[str, Any]:
    """Accuracy on 360 held-out digits after the same steps in both precisions, for each seed."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    images = np.kron(images.reshape(-1, 8, 8, 1) / 16, np.ones((1, 2, 2, 3))).astype(np.float32)
    order = np.random.default_rng(0).permutation(len(images))
    test, train = order[:360], order[360:]
    right: dict[str, list[float]] = {}
    for precision in ("float32", "mixed_bfloat16"):
        for seed in range(seeds):
            model = _trained_on_digits(precision, seed, images[train], labels[train])
            found = np.asarray(model(images[test], training=False)).argmax(-1)
            right.setdefault(precision, []).append(float(np.mean(found == labels[test])))
    means = {precision: statistics.mean(values) for precision, values in right.items()}
    return {"test_accuracy": right, "mean": means}


def _trained_on_digits(precision: str, seed: int, images: Any, labels: Any) -> Any:
    recipe = Recipe.model_validate(
        {
            "name": "digits",
            "epochs": 1,
            "model": {
                "name": "parnet_s",
                "resolution": 16,
                "scaling": {
                    "branches": 2,
                    "channels": [24, 48],
                    "final_channels": 96,
                    "depth": [2, 2],
                    "stem": "small",
                },
            },
            "optimizer": {"name": "adamw", "weight_decay": 0.02},
        }
    )
    keras.utils.set_random_seed(seed)
    learner = _learner(recipe, 10, precision)
    random = np.random.default_rng(seed)
    steps = 200
    for number in range(steps):
        chosen = random.integers(0, len(images), 32)
        rate = 2e-3 * 0.5 * (1 + math.cos(math.pi * number / steps))
        targets = tf.one_hot(labels[chosen], 10)
        learner.step(tf.constant(images[chosen]), targets, number=number, rate=rate)
    return learner.model


def _headline(machine: dict[str, Any], options: argparse.Namespace) -> str:
    load = machine["load_before"]
    told = "" if load is None else f", load {load:.1f} before the start"
    return (
        f"{machine['cpu']}, {machine['cores']} cores{told}; batches of {options.batch};"
        f" medians of {options.rounds} rounds"
    )


def _table(size: int, found: dict[str, Any]) -> str:
    head = f"\n{f'{size} px':<22}{'images/s':>10}{'ours is':>14}{'CPU ms/image':>15}{'ours is':>14}"
    lines = [head]
    for name, figures in found.items():
        shown = name if figures["size"] == size else f"{name}, {figures['size']} px*"
        lines.append(
            f"{shown:<22}{figures['images_per_second']:>10.1f}"
            f"{figures['ours_is_faster']:>8.2f}x fast{figures['cpu_ms_per_image']:>12.1f}"
            f"{figures['ours_is_cheaper']:>12.2f}x less"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
