"""Mistakes in a file that a user wrote, told all at once."""

from pathlib import Path

from parnet_zoo.data.escaped import escaped
from parnet_zoo.errors import DataError

_SHOWN = 20


class Problems:
    """Collects mistakes with their lines; keeps the first twenty and counts the rest.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: list[str] = []
        self._count = 0

    def add(self, line: int, message: str) -> None:
        """Note a mistake.

        Args:
            line: From 1; 0 for the file as a whole.
            message: What is wrong and what to do.
        """
        self._count += 1
        if len(self._lines) < _SHOWN:
            place = f"{escaped(self._path)}:{line}" if line else escaped(self._path)
            self._lines.append(f"{place}: {escaped(message)}")

    def check(self) -> None:
        """Raise DataError with a line for each mistake, if there was one."""
        if not self._count:
            return
        more = self._count - len(self._lines)
        lines = [*self._lines, f"and {more} more"] if more else self._lines
        raise DataError("\n".join(lines))
