"""Measure the input pipeline against Keras' ImageDataGenerator on the same photographs.

Both run in one process, turn by turn, so that a busy machine slows both; what counts is the ratio.

    python benchmarks/input_pipeline.py --data datasets/dogcat
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from PIL import Image

from parnet_zoo.data.augmentation_spec import AugmentationSpec
from parnet_zoo.data.cores import worker_count
from parnet_zoo.data.folder import ImageFolder, scan
from parnet_zoo.data.pipeline import steps_per_epoch, training_batches
from parnet_zoo.data.store import ImageStore
from parnet_zoo.recipe.load import load_recipe
from parnet_zoo.serving.runtime import decode_image

REPOSITORY = Path(__file__).resolve().parent.parent
WARM_EPOCHS = 2
ROWS = {
    "generator": "ImageDataGenerator, 1 thread (its default)",
    "generator_threads": "ImageDataGenerator, {threads} threads",
    "bare_decode": "Pillow alone: open, RGB, resize, {threads} threads",
    "first_epoch": "parnet-zoo, first epoch, decoding included",
    "later_epochs": "parnet-zoo, later epochs",
}


@dataclass(frozen=True)
class Setting:
    """What both pipelines are asked for.

    Attributes:
        folder: The photographs.
        size: Height and width in pixels.
        batch_size: Images a batch.
        augmentation: Strengths.
    """

    folder: ImageFolder
    size: int
    batch_size: int
    augmentation: AugmentationSpec


def main() -> None:
    """Run the benchmark and print a table or JSON."""
    options = _options()
    spec = load_recipe(options.recipe).recipe
    sizes = options.size or [spec.model.resolution or 96, 256]
    folder = scan(options.data, validation=0.1, seed=0, limit=options.images)
    result: dict[str, Any] = {
        "machine": _machine(),
        "data": str(options.data),
        "images": len(folder.train),
        "batch_size": spec.batch_size,
        "rounds": options.rounds,
        "augmentation": spec.augmentation.model_dump(),
        "sizes": {},
    }
    if not options.json:
        print(_headline(result))
    for size in sizes:
        setting = Setting(folder, size, spec.batch_size, spec.augmentation)
        result["sizes"][str(size)] = _compare(setting, options.rounds)
        if not options.json:
            print(_table(size, result["sizes"][str(size)]))
    if options.json:
        json.dump(result, sys.stdout, indent=2)
        print()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    shared = Path(os.environ.get("PARNET_ZOO_SHARED", REPOSITORY.parent / "shared"))
    add = parser.add_argument
    add("--data", type=Path, default=shared / "data/dogcat", help="folder with train/CLASS/*.jpg")
    add(
        "--recipe",
        default=str(REPOSITORY / "recipes/dogcat.yaml"),
        help="gives batch and strengths",
    )
    add("--size", type=int, action="append", help="pixels; may be repeated (recipe's and 256)")
    add("--images", type=int, default=1000, help="photographs an epoch (default: 1000)")
    add("--rounds", type=int, default=5, help="turns of each (default: 5)")
    add("--json", action="store_true", help="one JSON object on stdout")
    return parser.parse_args()


def _compare(setting: Setting, rounds: int) -> dict[str, Any]:
    """Take turns; returns images a second of each round, their medians, and median ratios."""
    rates: dict[str, list[float]] = {name: [] for name in ROWS}
    with tempfile.TemporaryDirectory() as directory:
        iterator = _generator(setting, Path(directory))
        turns: list[Callable[[], dict[str, float]]] = [
            lambda: {"generator": _generator_rate(iterator, 1)},
            lambda: _our_rates(setting, Path(directory)),
            lambda: {"generator_threads": _generator_rate(iterator, worker_count())},
            lambda: {"bare_decode": _bare_decode_rate(setting)},
        ]
        _our_rates(setting, Path(directory))  # starts TensorFlow; files are in the page cache now
        for number in range(rounds):
            first = number % len(turns)
            for turn in turns[first:] + turns[:first]:
                for name, rate in turn().items():
                    rates[name].append(rate)
    return {
        "images_per_second": rates,
        "median_images_per_second": {name: statistics.median(rates[name]) for name in rates},
        "ratios": {
            f"{ours} / {other}": _ratio(rates[ours], rates[other])
            for ours in ("first_epoch", "later_epochs")
            for other in ("generator", "generator_threads", "bare_decode")
        },
    }


def _ratio(left: list[float], right: list[float]) -> float:
    """The median over the rounds of the ratio in one round."""
    return statistics.median(a / b for a, b in zip(left, right, strict=True))


def _generator(setting: Setting, directory: Path) -> Any:
    """Keras' generator on links to the photographs."""
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    warnings.filterwarnings("ignore", message="Please import `affine_transform`")
    links = directory / "links"
    for path in map(Path, map(str, setting.folder.train.paths)):
        link = links / path.parent.name / path.name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path.resolve())
    spec = setting.augmentation
    generator = ImageDataGenerator(
        rescale=1 / 255,
        rotation_range=spec.rotation,
        width_shift_range=spec.width_shift,
        height_shift_range=spec.height_shift,
        shear_range=spec.shear,
        zoom_range=spec.zoom,
        horizontal_flip=spec.horizontal_flip,
        brightness_range=spec.brightness,
        fill_mode=spec.fill,
    )
    stdout, sys.stdout = sys.stdout, sys.stderr  # it prints what it found
    try:
        return generator.flow_from_directory(
            links,
            target_size=(setting.size, setting.size),
            batch_size=setting.batch_size,
            class_mode="sparse",
            seed=0,
        )
    finally:
        sys.stdout = stdout


def _generator_rate(iterator: Any, threads: int) -> float:
    start = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        images = sum(pool.map(lambda index: len(iterator[index][0]), range(len(iterator))))
    return float(images / (time.perf_counter() - start))


def _our_rates(setting: Setting, directory: Path) -> dict[str, float]:
    """A new store and dataset: its first epoch with all that comes before it, then later ones."""
    train = setting.folder.train
    start = time.perf_counter()
    with ImageStore(
        train.paths,
        decode=lambda path: decode_image(path, setting.size),
        size=setting.size,
        cache="auto",
        directory=directory,
    ) as store:
        store.prepare()
        steps = steps_per_epoch(store, setting.batch_size)
        batches = training_batches(
            store,
            train.labels,
            batch_size=setting.batch_size,
            seed=0,
            augmentation=setting.augmentation,
            mean=(0.485, 0.456, 0.406),
            std=(0.229, 0.224, 0.225),
            total_steps=(1 + WARM_EPOCHS) * steps,
        )
        ends = [start]
        for step, _batch in enumerate(batches, start=1):
            if step % steps == 0:
                ends.append(time.perf_counter())
    seconds = np.diff(ends)
    return {
        "first_epoch": float(len(train) / seconds[0]),
        "later_epochs": float(len(train) * WARM_EPOCHS / seconds[1:].sum()),
    }


def _bare_decode_rate(setting: Setting) -> float:
    def decode(path: Path) -> None:
        with Image.open(path) as image:
            image.convert("RGB").resize((setting.size, setting.size), Image.Resampling.BILINEAR)

    start = time.perf_counter()
    with ThreadPoolExecutor(worker_count()) as pool:
        count = sum(1 for _ in pool.map(decode, setting.folder.train.paths))
    return float(count / (time.perf_counter() - start))


def _machine() -> dict[str, Any]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "cpu": names[0] if names else platform.processor() or platform.machine(),
        "cores": cores,
        "threads": worker_count(),
    }


def _headline(result: dict[str, Any]) -> str:
    machine = result["machine"]
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['threads']} threads;"
        f" {result['images']} photographs of {result['data']}, batches of {result['batch_size']};"
        f" medians of {result['rounds']} rounds"
    )


def _table(size: int, measured: dict[str, Any]) -> str:
    medians = measured["median_images_per_second"]
    lines = [f"\n{size} px".ljust(58) + "images/s"]
    for name, title in ROWS.items():
        lines.append(title.format(threads=worker_count()).ljust(56) + f"{medians[name]:9.0f}")
    lines += [f"{name.ljust(56)} {ratio:7.1f}x" for name, ratio in measured["ratios"].items()]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
