"""Measure each augmentation against the layer of Keras that does the same.

Both work on the same batches of decoded photographs' size, in one process, turn by turn.

    python benchmarks/augmentation_layers.py
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.data.augmentation import Augmentation
from parnet_zoo.data.augmentation_spec import (
    AugmentationSpec,
    ColorJitter,
    Erasing,
    RandAugment,
    ResizedCrop,
)
from parnet_zoo.data.augmenting.mixing import mixed_pixels
from parnet_zoo.data.cores import worker_count
from parnet_zoo.data.program import Program, compiled

BATCHES = 8
"""Of one turn."""
SPECS: dict[str, dict[str, Any]] = {
    "rotation, zoom, flip": {"rotation": 20.0, "zoom": 0.1, "horizontal_flip": True},
    "resized crop": {"resized_crop": ResizedCrop()},
    "colour jitter": {
        "color_jitter": ColorJitter(brightness=0.3, contrast=0.3, saturation=0.3, hue=0.1)
    },
    "RandAugment, 2 operations": {"randaugment": RandAugment()},
    "random erasing": {"erasing": Erasing(probability=1.0)},
}


def main() -> None:
    """Run the benchmark and print a table or JSON."""
    options = _options()
    images = np.random.default_rng(0).integers(
        0, 256, (options.batch, options.size, options.size, 3), np.uint8
    )
    rates: dict[str, dict[str, list[float]]] = {}
    contenders = {name: (_ours(spec, images), _keras(name, images)) for name, spec in SPECS.items()}
    contenders["MixUp"] = (_our_mixup(images), _keras("MixUp", images))
    contenders["CutMix"] = (_our_mixup(images), _keras("CutMix", images))
    for number in range(options.rounds + 1):
        for name, pair in contenders.items():
            found = rates.setdefault(name, {"ours": [], "keras": []})
            for who, make in zip(("ours", "keras"), pair, strict=True):
                rate = _rate(make, len(images))
                if number:  # the first round traces and compiles
                    found[who].append(rate)
    result = {
        name: {
            "ours": statistics.median(found["ours"]),
            "keras": statistics.median(found["keras"]),
            "ratio": statistics.median(
                a / b for a, b in zip(found["ours"], found["keras"], strict=True)
            ),
        }
        for name, found in rates.items()
    }
    if options.json:
        json.dump(result, sys.stdout, indent=2)
        print()
        return
    print(
        f"{options.size} px, batches of {options.batch}, {worker_count()} threads;"
        f" medians of {options.rounds} rounds, images/s\n"
    )
    print(f"{'':28}{'ours':>8}{'Keras':>8}{'ratio':>8}")
    for name, row in result.items():
        print(f"{name:28}{row['ours']:8.0f}{row['keras']:8.0f}{row['ratio']:7.1f}x")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    add = parser.add_argument
    add("--size", type=int, default=128, help="pixels (default: 128)")
    add("--batch", type=int, default=32, help="images (default: 32)")
    add("--rounds", type=int, default=5, help="turns of each (default: 5)")
    add("--json", action="store_true", help="one JSON object on stdout")
    return parser.parse_args()


def _rate(make: Callable[[int], Any], images: int) -> float:
    start = time.perf_counter()
    with ThreadPoolExecutor(worker_count()) as pool:
        list(pool.map(make, range(BATCHES)))
    return BATCHES * images / (time.perf_counter() - start)


def _ours(spec: dict[str, Any], images: NDArray[np.uint8]) -> Callable[[int], Any]:
    size = images.shape[1]
    augmentation = Augmentation(AugmentationSpec(**spec), stored=size, size=size)
    program = Program(augmentation, batch_size=len(images), mean=(0, 0, 0), std=(1, 1, 1))

    def make(number: int) -> Any:
        generator = np.random.default_rng(number)
        return program(
            augmentation.draw(images, lambda _, count: generator.random((len(images), count)))
        )

    return make


def _our_mixup(images: NDArray[np.uint8]) -> Callable[[int], Any]:
    """One program does both."""
    program, pixels = compiled(mixed_pixels), images.astype(np.float32)
    box = np.array([10, 10, 50, 50], np.int32)
    return lambda _: program(pixels, np.int32(len(images)), np.float32(0.7), box)


def _keras(name: str, images: NDArray[np.uint8]) -> Callable[[int], Any]:
    """Keras' layers (for crops, keras-cv's) in a graph, as a tf.data pipeline runs them."""
    import keras_cv
    import tensorflow as tf
    from keras import layers

    scale = {"value_range": (0, 255)}
    stack: list[Any] = {
        "rotation, zoom, flip": lambda: [
            layers.RandomRotation(20 / 360, fill_mode="nearest"),
            layers.RandomZoom(0.1, 0.1, fill_mode="nearest"),
            layers.RandomFlip("horizontal"),
        ],
        "resized crop": lambda: [
            keras_cv.layers.RandomCropAndResize(
                images.shape[1:3], crop_area_factor=(0.35, 1.0), aspect_ratio_factor=(0.75, 4 / 3)
            )
        ],
        "colour jitter": lambda: [
            layers.RandomColorJitter(
                brightness_factor=0.3,
                contrast_factor=0.3,
                saturation_factor=0.3,
                hue_factor=0.1,
                **scale,
            )
        ],
        "RandAugment, 2 operations": lambda: [layers.RandAugment(num_ops=2, **scale)],
        "random erasing": lambda: [layers.RandomErasing(1.0, **scale)],
        "MixUp": lambda: [layers.MixUp()],
        "CutMix": lambda: [layers.CutMix()],
    }[name]()
    labels = np.zeros((len(images), 2), np.float32)
    mixes = name in ("MixUp", "CutMix")

    def augment(pixels: Any) -> Any:
        data: Any = tf.cast(pixels, tf.float32)
        if mixes:
            data = {"images": data, "labels": tf.constant(labels)}
        for layer in stack:
            data = layer(data, training=True)
        return data

    graph = tf.function(augment, autograph=False)
    return lambda _: graph(images)


if __name__ == "__main__":
    main()
