"""How long the command line and the registry take to start, as whole processes.

    python benchmarks/start_up.py [--runs 15] [--json]

Each command runs in turn with the others, so that they share the machine's moods; `python -c pass`
is the interpreter alone. Prints the median and the fastest run in seconds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

PROGRAM = str(Path(sys.executable).parent / "parnet-zoo")
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import registry": [sys.executable, "-c", "import registry"],
    "parnet-zoo --help": [PROGRAM, "--help"],
    "parnet-zoo backbones list": [PROGRAM, "backbones", "list"],
}


def main() -> None:
    """Time every command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for number in range(options.runs + 1):
        for name, command in COMMANDS.items():
            spent = _seconds(command)
            if number:  # the first round only warms the disk's cache
                seconds[name].append(spent)
    result = {
        name: {"median": round(statistics.median(runs), 3), "fastest": round(min(runs), 3)}
        for name, runs in seconds.items()
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


if __name__ == "__main__":
    main()
