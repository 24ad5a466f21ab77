"""The log of one run as a table: every metric of every epoch, from MLflow.

python benchmarks/run_log.py RUN_ID --out docs/results/dogcat.csv
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from parnet_zoo.errors import ParnetZooError
from parnet_zoo.tracking.store import open_client, speaking_of
from parnet_zoo.tracking.uri import tracking_uri

DIGITS = 6
FIRST = ("epoch", "cpu_seconds", "loss", "accuracy", "val_loss", "val_accuracy")


def rows(client: Any, run_id: str) -> Iterator[dict[str, float]]:
    """One row an epoch, with the metrics that were logged at it."""
    by_epoch: dict[int, dict[str, float]] = {}
    for name in client.get_run(run_id).data.metrics:
        for point in client.get_metric_history(run_id, name):
            by_epoch.setdefault(point.step, {"epoch": point.step})[name] = point.value
    yield from (by_epoch[epoch] for epoch in sorted(by_epoch))


def write(found: list[dict[str, float]], path: Path) -> None:
    """Write the rows as CSV, the columns that matter most first."""
    names = {name for row in found for name in row}
    columns = [*(name for name in FIRST if name in names), *sorted(names - set(FIRST))]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        for row in found:
            writer.writerow({name: f"{value:.{DIGITS}g}" for name, value in row.items()})


def main() -> int:
    """Write the table of the run that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run_id", help="MLflow's id of the run")
    parser.add_argument("--out", type=Path, required=True, help="the CSV file")
    arguments = parser.parse_args()
    uri = tracking_uri()
    try:
        client = open_client(uri)
        with speaking_of(uri):
            write(list(rows(client, arguments.run_id)), arguments.out)
    except ParnetZooError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
