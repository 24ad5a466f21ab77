"""How long the command line and the registry take to start, as whole processes.

    python benchmarks/start_up.py [--runs 15] [--json]
    python benchmarks/start_up.py --training [--runs 3] [--json]

Each command runs in turn with the others, so that they share the machine's moods; `python -c pass`
is the interpreter alone. Prints the median and the fastest run in seconds.

`--training` trains parnet_s at 128 pixels on generated JPEG files instead, in a folder where
nothing was trained before, until its first step is done; it prints how far the clock and the
processor were at each line on the way. The start is mostly the work of one thread, so that on a
quiet machine the clock shows about what the processor shows.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

PROGRAM = str(Path(sys.executable).parent / "parnet-zoo")
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import registry": [sys.executable, "-c", "import registry"],
    "parnet-zoo --help": [PROGRAM, "--help"],
    "parnet-zoo backbones list": [PROGRAM, "backbones", "list"],
}
RECIPE = """\
name: first_step
epochs: 1
batch_size: 32
model: {name: parnet_s, resolution: 128}
augmentation: {rotation: 50, width_shift: 0.1, zoom: 0.1, horizontal_flip: true}
"""
LANDMARKS = {
    "recipe": "recipe and data read",
    "run ": "MLflow has the run",
    "loading TensorFlow": "TensorFlow is asked for",
    "computing in": "TensorFlow is there",
    "first step after": "first step done",
}
"""How lines of `train` begin, and what is done by then."""


def main() -> None:
    """Time every command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int)
    parser.add_argument("--training", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.training:
        _show_training(options.runs or 3, as_json=options.json)
        return
    runs = options.runs or 15
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for number in range(runs + 1):
        for name, command in COMMANDS.items():
            spent = _seconds(command)
            if number:  # the first round only warms the disk's cache
                seconds[name].append(spent)
    result = {
        name: {"median": round(statistics.median(spent), 3), "fastest": round(min(spent), 3)}
        for name, spent in seconds.items()
    }
    if options.json:
        print(json.dumps(result))
        return
    for name, figures in result.items():
        print(f"{name:<28}{figures['median']:.3f} s, fastest {figures['fastest']:.3f} s")


def _seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def _show_training(runs: int, *, as_json: bool) -> None:
    """Start trainings and print medians."""
    found = [_first_step() for _ in range(runs)]
    result = {
        done: {
            kind: round(statistics.median(run[done][kind] for run in found), 1)
            for kind in ("clock", "processor")
        }
        for done in LANDMARKS.values()
    }
    if as_json:
        print(json.dumps(result))
        return
    print(f"{'seconds since the command':<28}{'clock':>8}{'processor':>12}")
    for done, figures in result.items():
        print(f"{done:<28}{figures['clock']:>8.1f}{figures['processor']:>12.1f}")


def _first_step() -> dict[str, dict[str, float]]:
    """One training in a folder of its own, ended after its first step."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_pictures(folder / "data")
        (folder / "first_step.yaml").write_text(RECIPE, encoding="utf-8")
        command = [PROGRAM, "train", "first_step.yaml", "--data", "data"]
        start = time.perf_counter()
        with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as process:
            try:
                return _landmarks(process, start)
            finally:
                process.kill()


def _landmarks(process: subprocess.Popen[str], start: float) -> dict[str, dict[str, float]]:
    """Seconds on the clock and of the processor at the first line of each kind."""
    seen: dict[str, dict[str, float]] = {}
    lines = []
    for line in process.stderr or ():
        lines.append(line)
        for beginning, done in LANDMARKS.items():
            if line.startswith(beginning) and done not in seen:
                clock = time.perf_counter() - start
                seen[done] = {"clock": clock, "processor": _processor_seconds(process.pid)}
        if len(seen) == len(LANDMARKS):
            return seen
    sys.exit(f"the training ended before its first step:\n{''.join(lines)}")


def _processor_seconds(pid: int) -> float:
    """What a process and those that it started have used."""
    process = psutil.Process(pid)
    own = process.cpu_times()
    total: float = own.user + own.system + own.children_user + own.children_system
    for child in process.children(recursive=True):
        times = child.cpu_times()
        total += times.user + times.system
    return total


def _write_pictures(root: Path) -> None:
    """Photographs that are noise, 200 of each of two classes."""
    random = np.random.default_rng(0)
    for split, count in (("train", 200), ("test", 20)):
        for label in ("cat", "dog"):
            folder = root / split / label
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = random.integers(0, 255, (150, 200, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.jpg")


if __name__ == "__main__":
    main()
