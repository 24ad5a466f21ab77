"""The file that says where a downloaded data set comes from, and what is in it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from parnet_zoo.data.download.origin import Origin
from parnet_zoo.data.download.unpacked import Unpacked
from parnet_zoo.data.escaped import escaped

SOURCE = "SOURCE.txt"
_MARK = "In one line: "
_MOST_BYTES = 2**22


@dataclass(frozen=True)
class Source:
    """What is in the file.

    Attributes:
        name: Of the data set.
        url: Where its archive came from.
        sha256: Of the archive.
        images: How many of each class of each split.
        dropped: How many members were left out, by reason.
    """

    name: str
    url: str
    sha256: str
    images: dict[str, dict[str, int]]
    dropped: dict[str, int]


def source_text(origin: Origin, source: Source, unpacked: Unpacked) -> str:
    """The file's text: for people, and in one line for the next call."""
    lines = [origin.about, f"From {origin.url}", f"SHA-256 of the archive: {origin.sha256}", ""]
    for split, counts in source.images.items():
        lines.append(f"{split}: {', '.join(f'{count} {name}' for name, count in counts.items())}")
    for reason, names in unpacked.dropped.items():
        lines.append(f"left out, {reason} ({len(names)}): {', '.join(map(escaped, names))}")
    return "\n".join([*lines, "", f"{_MARK}{json.dumps(asdict(source))}", ""])


def read_source(path: Path) -> Source | None:
    """What a file of `source_text` says; None where there is none, or it is another."""
    try:
        with path.open("r", encoding="utf-8") as file:
            text = file.read(_MOST_BYTES)
        line = next(line for line in reversed(text.splitlines()) if line.startswith(_MARK))
        fields = json.loads(line.removeprefix(_MARK))
        return Source(
            name=str(fields["name"]),
            url=str(fields["url"]),
            sha256=str(fields["sha256"]),
            images={
                split: {str(name): int(count) for name, count in fields["images"][split].items()}
                for split in ("train", "test")
            },
            dropped={str(name): int(count) for name, count in fields["dropped"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, StopIteration):
        return None
