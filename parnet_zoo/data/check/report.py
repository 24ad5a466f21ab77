"""All that a check says about a set of pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from parnet_zoo.data.check.duplicates import duplicates
from parnet_zoo.data.check.finding import Finding, Severity
from parnet_zoo.data.check.look import Look
from parnet_zoo.data.check.oddities import oddities
from parnet_zoo.data.check.sources import Source, below
from parnet_zoo.data.escaped import escaped
from parnet_zoo.data.image_file import ImageFile

BALANCED = 3.0
"""Images of the largest class over those of the smallest, above which classes are unbalanced."""
_ORDER = {"error": 0, "warning": 1, "note": 2}


@dataclass(frozen=True)
class CheckReport:
    """What a check has found.

    Attributes:
        root: What was checked.
        counts: Files of each class, by split, empty classes too.
        unreadable: Those of them that cannot be read.
        sizes: "width" and "height", each as least, median and largest, in pixels.
        formats: Readable images of each format, as Pillow calls it.
        modes: Readable images of each kind of pixels, as Pillow calls it.
        balance: In the training images, the largest class over the smallest; None where a class has
            no readable image.
        findings: The worst first, then by kind.
        moved: Files that were moved into quarantine, as they were named before.
    """

    root: Path
    counts: dict[str, dict[str, int]]
    unreadable: dict[str, dict[str, int]]
    sizes: dict[str, tuple[int, float, int]]
    formats: dict[str, int]
    modes: dict[str, int]
    balance: float | None
    findings: tuple[Finding, ...]
    moved: tuple[ImageFile, ...] = ()

    @property
    def images(self) -> int:
        """Image files in all splits."""
        return sum(sum(classes.values()) for classes in self.counts.values())

    def remaining(self, severity: Severity) -> tuple[Finding, ...]:
        """Findings of one severity that quarantine has not mended."""
        moved = set(self.moved)
        return tuple(
            finding
            for finding in self.findings
            if finding.severity == severity and not _mended(finding, moved)
        )

    def named(self, path: ImageFile) -> str:
        """A path below the root as text that can be printed anywhere."""
        return escaped(below(path, self.root))

    def as_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {
            "root": escaped(self.root),
            "ok": not self.remaining("error"),
            "images": self.images,
            "splits": self.counts,
            "unreadable": self.unreadable,
            "sizes": {
                side: dict(zip(("least", "median", "largest"), sizes, strict=True))
                for side, sizes in self.sizes.items()
            },
            "formats": self.formats,
            "modes": self.modes,
            "balance": self.balance,
            "findings": [self._as_dict(finding) for finding in self.findings],
            "moved": [self.named(path) for path in self.moved],
        }

    def _as_dict(self, finding: Finding) -> dict[str, Any]:
        return {
            "kind": finding.kind,
            "severity": finding.severity,
            "sentence": finding.sentence,
            "paths": [self.named(path) for path in finding.paths],
        }


def _mended(finding: Finding, moved: set[ImageFile]) -> bool:
    """Whether what is left of a finding is nothing, or one image of a group."""
    left = [path for path in finding.paths if path not in moved]
    return len(left) <= (1 if len(finding.paths) > 1 else 0) and len(left) < len(finding.paths)


def make_report(source: Source, looks: Sequence[Look]) -> CheckReport:
    """Draw the conclusions.

    Args:
        source: The files.
        looks: One for each of them.
    """
    good = [look for look in looks if look.problem is None]
    unreadable: dict[str, Counter[str]] = {split: Counter() for split in source.counts}
    for file, look in zip(source.files, looks, strict=True):
        unreadable[file.split][file.label] += look.problem is not None
    balance = _balance(source, unreadable)
    findings = [
        *source.findings,
        *_balance_findings(source, unreadable, balance),
        *oddities(source, looks),
        *duplicates(source.files, looks),
    ]
    findings.sort(key=lambda finding: (_ORDER[finding.severity], finding.kind))  # stable
    return CheckReport(
        root=source.root,
        counts={split: dict(counts) for split, counts in source.counts.items()},
        unreadable={split: dict(+counts) for split, counts in unreadable.items()},
        sizes=_sizes(good),
        formats=dict(Counter(look.format for look in good).most_common()),
        modes=dict(Counter(look.mode for look in good).most_common()),
        balance=balance,
        findings=tuple(findings),
    )


def _sizes(looks: Sequence[Look]) -> dict[str, tuple[int, float, int]]:
    if not looks:
        return {}
    sides = {"width": [look.width for look in looks], "height": [look.height for look in looks]}
    return {name: (min(side), median(side), max(side)) for name, side in sides.items()}


def _readable(source: Source, unreadable: dict[str, Counter[str]]) -> dict[str, int]:
    """Readable images of each class in the first split, which is the one for training."""
    split = next(iter(source.counts))
    return {name: count - unreadable[split][name] for name, count in source.counts[split].items()}


def _balance(source: Source, unreadable: dict[str, Counter[str]]) -> float | None:
    counts = _readable(source, unreadable).values()
    return max(counts) / min(counts) if counts and min(counts) else None


def _balance_findings(
    source: Source, unreadable: dict[str, Counter[str]], balance: float | None
) -> list[Finding]:
    counts = _readable(source, unreadable)
    split = next(iter(source.counts))
    found = [
        Finding("empty_class", "error", f"no image of {escaped(name)} in {split} can be read")
        for name, count in counts.items()
        if not count and source.counts[split][name]  # an empty folder the layout's finding names
    ]
    if balance is not None and balance > BALANCED:
        largest, smallest = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
        sentence = (
            f"{escaped(largest)} has {balance:.1f} times the images of {escaped(smallest)}"
            f" ({counts[largest]:,} and {counts[smallest]:,}); class_weights: balanced in the"
            " recipe makes classes count alike"
        )
        found.append(Finding("imbalance", "warning", sentence))
    return found
