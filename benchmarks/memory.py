"""Peak memory of a training, against what the plan expected.

    python benchmarks/memory.py --data PATH --image-size 64

Trains `dogcat` for some steps in a process of its own, in a temporary folder, and prints one JSON
object: the plan's estimate and the process' peak resident memory, both in GB. With `--limit` fewer
images are taken.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from parnet_zoo.training.run import plan_training


def main() -> None:
    """Measure one training."""
    options = _arguments()
    data = options.data.resolve()
    changes = {"image_size": options.image_size, "epochs": 1, "batch_size": options.batch_size}
    overrides = [f"data.limit={options.limit}"] if options.limit else []
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        plan = plan_training(options.recipe, overrides=overrides, data=data, **changes)
        _train(options, data, overrides)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    expected = plan.memory_bytes or 0
    result = {
        "recipe": options.recipe,
        "image_size": options.image_size,
        "images": sum(len(split) for split in (plan.folder.train, plan.folder.validation)),
        "expected_gb": round(expected / 1e9, 2),
        "peak_gb": round(peak / 1e9, 2),
        "ratio": round(peak / expected, 2) if expected else None,
    }
    sys.stdout.write(json.dumps(result) + "\n")


def _train(options: argparse.Namespace, data: Path, overrides: list[str]) -> None:
    command = [
        str(Path(sys.executable).parent / "parnet-zoo"), "train", options.recipe,
        "--data", str(data), "--epochs", "1", "--image-size", str(options.image_size),
        "--batch-size", str(options.batch_size), "--quiet",
    ]  # fmt: skip
    for override in overrides:
        command += ["--set", override]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _arguments() -> argparse.Namespace:
    shared = Path(os.environ.get("PARNET_ZOO_SHARED", "../shared"))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=shared / "data" / "dogcat")
    parser.add_argument("--recipe", default="dogcat")
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--limit", type=int, default=None)
    return parser.parse_args()


if __name__ == "__main__":
    main()
