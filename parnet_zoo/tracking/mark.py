"""How far a journal has been delivered."""

import json
import os
from pathlib import Path

from parnet_zoo.errors import TrackingError
from parnet_zoo.tracking.journal import sync_folder


class Mark:
    """The file beside a journal that says what MLflow has of it. Replaced as a whole, never torn.

    Attributes:
        path: The file.
        delivered: The number of the last entry that is settled; so are all before it.
        postponed: Entries up to there that the store would not take, by number, with its reason.
    """

    def __init__(self, path: Path) -> None:
        """Read the file; without one, nothing has been delivered.

        Raises:
            TrackingError: It is damaged.
        """
        self.path = path
        self.delivered = 0
        self.postponed: dict[int, str] = {}
        if not path.exists():
            return
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            self.delivered = int(content["delivered"])
            self.postponed = {int(n): str(why) for n, why in content["postponed"].items()}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise TrackingError(
                f"{path} is damaged: delete it, and the run's journal is delivered from its start "
                "(nothing will be in MLflow twice)"
            ) from error

    def is_open(self, number: int) -> bool:
        """Whether MLflow does not have the entry."""
        return number > self.delivered or number in self.postponed

    def settle(self, number: int) -> None:
        """The entry is in MLflow."""
        self.delivered = max(self.delivered, number)
        self.postponed.pop(number, None)
        self._save()

    def postpone(self, number: int, reason: str) -> None:
        """The store takes others, but not this entry: do not hold up those after it."""
        self.delivered = max(self.delivered, number)
        self.postponed[number] = reason
        self._save()

    def _save(self) -> None:
        content = {"delivered": self.delivered, "postponed": self.postponed}
        temporary = self.path.with_suffix(".tmp")
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(content, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.path)
        sync_folder(self.path.parent)
