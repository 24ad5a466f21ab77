"""How a run began, and which run of MLflow it became."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from parnet_zoo.errors import TrackingError
from parnet_zoo.tracking.entry_data import CreatedData, RunData, StoreData
from parnet_zoo.tracking.journal import Entry


@dataclass(frozen=True)
class Beginning:
    """What the first entries of a journal say.

    Attributes:
        run: What it takes to create the run.
        store: The store that has it, or is to have it; passwords not shown.
        settled: Whether no other store can take it any more.
        created: MLflow's ids; None until the run is there.
    """

    run: RunData
    store: str
    settled: bool
    created: CreatedData | None

    @classmethod
    def of(cls, entries: Sequence[Entry], path: Path) -> Beginning:
        """Read it from the entries of a journal, which have been checked.

        Args:
            entries: All of them.
            path: The journal, for messages.

        Raises:
            TrackingError: It is not the journal of a run.
        """
        if not entries or entries[0].kind != "run":
            raise TrackingError(f"{path} is not the journal of a run")
        run = RunData.model_validate(entries[0].data)
        store, settled, created = run.store, not run.offline, None
        for entry in entries:
            if entry.kind == "store":
                store, settled = StoreData.model_validate(entry.data).store, True
            elif entry.kind == "created":
                created = CreatedData.model_validate(entry.data)
        return cls(run, store, settled, created)
