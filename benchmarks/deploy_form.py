"""Measure the deploy form of ParNet against its training form, on the same images.

    python benchmarks/deploy_form.py [--networks parnet_s ...] [--batch 1 ...] [--rounds 7] [--json]

Both are compiled for one shape, take turns in one process, and do inference only. A round runs each
of them for about half a second, at least once; who begins changes from round to round.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from this_machine import this_machine

import registry
from parnet_zoo.networks.deploy_form import to_deploy_form

NETWORKS = ("parnet_s", "parnet_m", "parnet_l", "parnet_xl")
BATCHES = (1, 32)
CLASSES = 1000
SECONDS = 0.5
"""That each form is run for in a round."""
FORMS = ("training", "deploy")


def main() -> None:
    """Run the benchmark and print a table or JSON."""
    options = _options()
    machine = this_machine()
    if not options.json:
        print(_headline(machine, options))
    measured: dict[str, dict[str, Any]] = {}
    for name in options.networks:
        models = _models(name)
        measured[name] = {}
        for batch in options.batch:
            found = _compare(models, batch, options.size, options.rounds)
            measured[name][str(batch)] = found
            if not options.json:
                print(_row(name, batch, found), flush=True)
    if options.json:
        result = {"machine": machine, "size": options.size, "rounds": options.rounds}
        json.dump({**result, "networks": measured}, sys.stdout, indent=2)
        print()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    add = parser.add_argument
    add("--networks", nargs="+", default=NETWORKS, help="registered names (S to XL)")
    add("--batch", type=int, nargs="+", default=BATCHES, help="images a call (1 and 32)")
    add("--size", type=int, default=224, help="pixels (default: 224)")
    add("--rounds", type=int, default=7, help="turns of each form (default: 7)")
    add("--json", action="store_true", help="one JSON object on stdout")
    return parser.parse_args()


def _models(name: str) -> dict[str, Any]:
    training = registry.get(name).build(num_classes=CLASSES)
    return {"training": training, "deploy": to_deploy_form(training)}


def _compare(models: dict[str, Any], batch: int, size: int, rounds: int) -> dict[str, Any]:
    """Take turns; returns what each round measured, the medians, and the median ratios."""
    pixels = np.random.default_rng(0).random((batch, size, size, 3), np.float32)
    calls = {form: _compiled(models[form], pixels) for form in FORMS}
    repeats = {form: _repeats(call) for form, call in calls.items()}
    wall: dict[str, list[float]] = {form: [] for form in FORMS}
    cpu: dict[str, list[float]] = {form: [] for form in FORMS}
    for number in range(rounds):
        for form in FORMS if number % 2 == 0 else FORMS[::-1]:
            seconds, busy = _timed(calls[form], repeats[form])
            wall[form].append(seconds / batch)
            cpu[form].append(busy / batch)
    return {
        "seconds_per_image": wall,
        "cpu_seconds_per_image": cpu,
        "images_per_second": {form: 1 / statistics.median(wall[form]) for form in FORMS},
        "cpu_ms_per_image": {form: 1000 * statistics.median(cpu[form]) for form in FORMS},
        "ratio": _ratio(wall),
        "cpu_ratio": _ratio(cpu),
    }


def _compiled(model: Any, pixels: np.ndarray) -> Callable[[], Any]:
    """Inference on these images, as a graph for their shape."""
    images = tf.constant(pixels)
    infer = tf.function(
        lambda batch: model(batch, training=False),
        input_signature=[tf.TensorSpec(pixels.shape, tf.float32)],
        autograph=False,
    )
    return lambda: infer(images).numpy()


def _repeats(call: Callable[[], Any]) -> int:
    """Calls in a round; also traces the graph and warms it up."""
    call()
    seconds, _ = _timed(call, 1)
    return max(1, math.ceil(SECONDS / seconds))


def _timed(call: Callable[[], Any], repeats: int) -> tuple[float, float]:
    """Seconds a call on the clock, and of all processors together."""
    start, busy = time.perf_counter(), time.process_time()
    for _ in range(repeats):
        call()
    ends = time.perf_counter() - start, time.process_time() - busy
    return ends[0] / repeats, ends[1] / repeats


def _ratio(seconds: dict[str, list[float]]) -> float:
    """The median over the rounds of the training form's time over the deploy form's."""
    pairs = zip(seconds["training"], seconds["deploy"], strict=True)
    return statistics.median(training / deploy for training, deploy in pairs)


def _headline(machine: dict[str, Any], options: argparse.Namespace) -> str:
    load = machine["load_before"]
    told = "" if load is None else f", load {load:.1f} before the start"
    columns = f"{'training':>11}{'deploy':>11}{'ratio':>9}" * 2
    return (
        f"{machine['cpu']}, {machine['cores']} cores{told}; {options.size} px, float32;"
        f" medians of {options.rounds} rounds\n\n"
        f"{'':<18}{'images/s':>31}{'CPU ms an image':>31}\n"
        f"{'network':<12}{'batch':>6}{columns}"
    )


def _row(name: str, batch: int, found: dict[str, Any]) -> str:
    rates, busy = found["images_per_second"], found["cpu_ms_per_image"]
    return (
        f"{name:<12}{batch:>6}"
        f"{rates['training']:>11.2f}{rates['deploy']:>11.2f}{found['ratio']:>8.2f}x"
        f"{busy['training']:>11.1f}{busy['deploy']:>11.1f}{found['cpu_ratio']:>8.2f}x"
    )


if __name__ == "__main__":
    main()
