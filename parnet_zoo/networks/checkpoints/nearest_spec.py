"""The registered spec that a checkpoint's network is, or comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import registry
from parnet_zoo.networks.scalable_spec import ScalableSpec
from registry import BackboneSpec

TRAINED_BY = ("dropout", "resolution")
"""Fields of a scaling that weights do not show."""


@dataclass(frozen=True)
class NearestSpec:
    """A network told by a registered spec.

    Attributes:
        base: Name of the registered spec.
        changes: Fields of its scaling that differ.
        spec: The network's own; the registered one where nothing differs.
    """

    base: str
    changes: dict[str, Any]
    spec: BackboneSpec

    @classmethod
    def to(
        cls,
        scaling: Any,
        *,
        kind: type[ScalableSpec],
        default: str,
        ignored: tuple[str, ...] = TRAINED_BY,
    ) -> Self:
        """Find it.

        Args:
            scaling: The network's, read off its weights.
            kind: Class of the registered specs to look at.
            default: Name of the one to start from where none has these widths and depths.
            ignored: Fields that do not count.

        Raises:
            SpecError: There is no such default.
        """
        wanted = scaling.model_dump(exclude=set(ignored))
        specs = [registry.get(name) for name in registry.names(hidden=True)]
        found = [(spec, _changes(spec, wanted)) for spec in specs if isinstance(spec, kind)]
        equal = [(spec, changes) for spec, changes in found if not changes]
        alike = [(spec, changes) for spec, changes in found if not changes.keys() & _SIZES]
        first = registry.get(default)
        base, changes = (*equal, *alike, (first, _changes(first, wanted)))[0]
        return cls(base.name, changes, base.scaled(**changes))


_SIZES = frozenset({"stem_channels", "channels", "final_channels", "depth"})


def _changes(spec: Any, wanted: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in wanted.items() if getattr(spec.scaling, name) != value}
