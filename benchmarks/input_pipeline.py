"""Measure the input pipeline against bare decoding, ImageDataGenerator and a training step's need.

All run in one process, turn by turn, so that a busy machine slows all; what counts is the ratio: of
rates, and of processor time, which other programs disturb far less.

    python benchmarks/input_pipeline.py --data datasets/dogcat
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from PIL import Image
from this_machine import this_machine

from parnet_zoo.data.augmentation_spec import AugmentationSpec
from parnet_zoo.data.cores import worker_count
from parnet_zoo.data.folder import ImageFolder, scan
from parnet_zoo.data.store import Cache, ImageStore
from parnet_zoo.data.training_batches import TrainingBatches
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
    "uncached": "parnet-zoo without a cache, each epoch",
    "training_step": "a training step of {network}: its need",
}
GENERATORS_SHARE = 0.1
"""Of the photographs: the generator is slow, and has no part that only a first epoch pays."""
OURS = ("first_epoch", "later_epochs", "uncached")
STEPS = 4
"""Training steps of one turn."""


@dataclass(frozen=True)
class Setting:
    """What both pipelines are asked for.

    Attributes:
        folder: The photographs.
        size: Height and width in pixels.
        batch_size: Images a batch.
        augmentation: Strengths.
        network: Whose training step is measured; None: none.
    """

    folder: ImageFolder
    size: int
    batch_size: int
    augmentation: AugmentationSpec
    network: str | None


class Watch:
    """Images a second, and milliseconds of all cores together an image, since the last look."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def look(self, images: int) -> Measured:
        """What `images` images took."""
        wall, cpu = time.perf_counter(), time.process_time()
        measured = Measured(images / (wall - self._wall), (cpu - self._cpu) / images * 1000)
        self._wall, self._cpu = wall, cpu
        return measured


class Measured(NamedTuple):
    """See `Watch`."""

    rate: float
    cpu_ms: float


def main() -> None:
    """Run the benchmark and print a table or JSON."""
    options = _options()
    with tempfile.TemporaryDirectory() as directory:
        data = options.data
        if options.photo_size is not None:
            data = _rewritten(options.data, options, Path(directory))
        _run(options, scan(data, validation=0.1, seed=0, limit=options.images))


def _run(options: argparse.Namespace, folder: ImageFolder) -> None:
    spec = load_recipe(options.recipe).recipe
    sizes = options.size or [64, 96, 128, 256]
    result: dict[str, Any] = {
        "machine": this_machine() | {"threads": worker_count()},
        "data": options.data.name,
        "photo_size": options.photo_size,
        "images": len(folder.train),
        "batch_size": spec.batch_size,
        "rounds": options.rounds,
        "augmentation": spec.augmentation.model_dump(),
        "sizes": {},
    }
    if not options.json:
        print(_headline(result))
    for size in sizes:
        network = options.network if size in options.step_size else None
        setting = Setting(folder, size, spec.batch_size, spec.augmentation, network)
        result["sizes"][str(size)] = _compare(setting, options.rounds)
        if not options.json:
            print(_table(setting, result["sizes"][str(size)]), flush=True)
    if options.json:
        json.dump(result, sys.stdout, indent=2)
        print()


def _rewritten(root: Path, options: argparse.Namespace, directory: Path) -> Path:
    """Copies of the photographs at another size."""
    size = options.photo_size, options.photo_size
    for path in _paths(scan(root, validation=0.1, seed=0, limit=options.images)):
        copy = directory / "train" / path.parent.name / path.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(path) as image:
            image.convert("RGB").resize(size, Image.Resampling.BICUBIC).save(copy, quality=90)
    return directory


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    shared = Path(os.environ.get("PARNET_ZOO_SHARED", REPOSITORY.parent / "shared"))
    add = parser.add_argument
    add("--data", type=Path, default=shared / "data/dogcat", help="folder with train/CLASS/*.jpg")
    add(
        "--recipe",
        default=str(REPOSITORY / "recipes/dogcat_blog.yaml"),
        help="gives batch and strengths",
    )
    add("--size", type=int, action="append", help="pixels; may be repeated (64 to 256)")
    add("--network", default="parnet_s", help="whose training step is measured")
    add("--step-size", type=int, nargs="*", default=[64, 128], help="at which of the sizes")
    add("--photo-size", type=int, help="rewrite the photographs at so many pixels first")
    add("--images", type=int, default=4000, help="photographs an epoch (default: 4000)")
    add("--rounds", type=int, default=3, help="turns of each (default: 3)")
    add("--json", action="store_true", help="one JSON object on stdout")
    return parser.parse_args()


def _compare(setting: Setting, rounds: int) -> dict[str, Any]:
    """Take turns; returns what each round measured, the medians, and median ratios."""
    rounds_of: dict[str, list[Measured]] = {}
    with tempfile.TemporaryDirectory() as directory:
        iterator = _generator(setting, Path(directory))
        turns: list[Callable[[], dict[str, Measured]]] = [
            lambda: {"generator": _generator_rate(iterator, 1)},
            lambda: _our_rates(setting, Path(directory)),
            lambda: {"generator_threads": _generator_rate(iterator, worker_count())},
            lambda: {"bare_decode": _bare_decode_rate(setting)},
            lambda: {"uncached": _uncached_rate(setting, Path(directory))},
        ]
        if setting.network is not None:
            step = _training_step(setting)
            turns.append(lambda: {"training_step": _step_rate(step, setting)})
        _uncached_rate(setting, Path(directory))  # starts TensorFlow; the page cache is warm now
        for number in range(rounds):
            first = number % len(turns)
            for turn in turns[first:] + turns[:first]:
                for name, measured in turn().items():
                    rounds_of.setdefault(name, []).append(measured)
    pairs = [(ours, other) for ours in OURS for other in rounds_of if other not in OURS]
    return {
        "rounds": rounds_of,
        "medians": {name: _median(found) for name, found in rounds_of.items()},
        "ratios": {
            f"{ours} / {other}": _median(_ratios(rounds_of[ours], rounds_of[other]))
            for ours, other in pairs
        },
    }


def _median(found: list[Measured]) -> Measured:
    return Measured(*(statistics.median(column) for column in zip(*found, strict=True)))


def _ratios(ours: list[Measured], others: list[Measured]) -> list[Measured]:
    """How many times as fast, and how many times less processor time, round by round."""
    return [
        Measured(mine.rate / other.rate, other.cpu_ms / mine.cpu_ms)
        for mine, other in zip(ours, others, strict=True)
    ]


def _generator(setting: Setting, directory: Path) -> Any:
    """Keras' generator on links to the photographs."""
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    warnings.filterwarnings("ignore", message="Please import `affine_transform`")
    links = directory / "links"
    every = round(1 / GENERATORS_SHARE)
    for path in _paths(setting.folder)[::every]:
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


def _generator_rate(iterator: Any, threads: int) -> Measured:
    watch = Watch()
    with ThreadPoolExecutor(threads) as pool:
        images = sum(pool.map(lambda index: len(iterator[index][0]), range(len(iterator))))
    return watch.look(images)


def _paths(folder: ImageFolder) -> list[Path]:
    return [path for path in folder.train.paths if isinstance(path, Path)]


@contextmanager
def _batches(setting: Setting, directory: Path, cache: Cache) -> Iterator[TrainingBatches]:
    train, size = setting.folder.train, setting.size
    with ImageStore(
        train.paths,
        decode=lambda path: decode_image(path, size),
        size=size,
        cache=cache,
        directory=directory,
    ) as store:
        store.prepare()
        yield TrainingBatches(
            store,
            train.labels,
            classes=len(setting.folder.classes),
            batch_size=setting.batch_size,
            seed=0,
            augmentation=setting.augmentation,
            smoothing=0.0,
            mean=(0.485, 0.456, 0.406),
            std=(0.229, 0.224, 0.225),
        )


def _epochs(
    setting: Setting, batches: TrainingBatches, watch: Watch, epochs: int
) -> list[Measured]:
    """Each of some epochs; the first counts from when the watch was last looked at."""
    measured, steps = [], batches.steps_per_epoch
    dataset = batches.from_step(0, size=setting.size, mixed=False).take(epochs * steps)
    for step, _batch in enumerate(dataset, start=1):
        if step % steps == 0:
            measured.append(watch.look(len(setting.folder.train)))
    return measured


def _our_rates(setting: Setting, directory: Path) -> dict[str, Measured]:
    """A new store and dataset: its first epoch with all that comes before it, then later ones."""
    watch = Watch()
    with _batches(setting, directory, "auto") as batches:
        first, *later = _epochs(setting, batches, watch, 1 + WARM_EPOCHS)
    return {"first_epoch": first, "later_epochs": _median(later)}


def _uncached_rate(setting: Setting, directory: Path) -> Measured:
    with _batches(setting, directory, "none") as batches:
        return _epochs(setting, batches, Watch(), 2)[1]


def _bare_decode_rate(setting: Setting) -> Measured:
    def decode(path: Path) -> None:
        with Image.open(path) as image:
            # Shrinks a large JPEG while it is decoded, as the project's own decoder does.
            image.draft("RGB", (2 * setting.size, 2 * setting.size))
            image.convert("RGB").resize(
                (setting.size, setting.size), Image.Resampling.BILINEAR, reducing_gap=2.0
            )

    watch = Watch()
    with ThreadPoolExecutor(worker_count()) as pool:
        count = sum(1 for _ in pool.map(decode, _paths(setting.folder)))
    return watch.look(count)


def _training_step(setting: Setting) -> Callable[[], Any]:
    """A step of a network in this processor's fastest precision, with its pixels at hand."""
    import keras

    import registry
    from parnet_zoo.networks.dtype_policy import dtype_policy
    from parnet_zoo.training.precision import resolve_precision

    spec = registry.get(str(setting.network))
    with dtype_policy(resolve_precision("auto")):
        model: Any = spec.build(num_classes=len(setting.folder.classes))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer="sgd", loss=loss, jit_compile=False)
    shape = (setting.batch_size, setting.size, setting.size, 3)
    pixels = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    labels = np.zeros(setting.batch_size, np.int64)
    model.train_on_batch(pixels, labels)
    return lambda: model.train_on_batch(pixels, labels)


def _step_rate(step: Callable[[], Any], setting: Setting) -> Measured:
    watch = Watch()
    for _ in range(STEPS):
        step()
    return watch.look(STEPS * setting.batch_size)


def _headline(result: dict[str, Any]) -> str:
    machine = result["machine"]
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['threads']} threads;"
        f" {result['images']} photographs of {result['data']}"
        + (f" at {result['photo_size']} px" if result["photo_size"] else "")
        + f", batches of {result['batch_size']};"
        f" medians of {result['rounds']} rounds"
    )


def _table(setting: Setting, measured: dict[str, Any]) -> str:
    lines = [f"\n{setting.size} px".ljust(56) + " images/s  CPU ms an image"]
    for name, title in ROWS.items():
        if name in measured["medians"]:
            row = measured["medians"][name]
            shown = title.format(threads=worker_count(), network=setting.network)
            lines.append(f"{shown:55}{row.rate:9.0f}{row.cpu_ms:17.2f}")
    for name, ratio in measured["ratios"].items():
        lines.append(f"{name:55}{ratio.rate:8.2f}x{ratio.cpu_ms:16.2f}x")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
