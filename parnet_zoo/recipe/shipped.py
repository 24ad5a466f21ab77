"""The recipes that come with the package, found by name."""

from pathlib import Path

FOLDER = "recipes"
SUFFIX = ".yaml"


def shipped_recipes() -> dict[str, Path]:
    """The files of the shipped recipes by name, sorted."""
    package = Path(__file__).resolve().parent.parent
    # In a wheel they lie inside the package; in a clone beside it.
    for folder in (package / FOLDER, package.parent / FOLDER):
        if folder.is_dir():
            return {path.stem: path for path in sorted(folder.glob(f"*{SUFFIX}"))}
    return {}


def shipped_name(wanted: str) -> str | None:
    """The name that `dogcat`, `dogcat.yaml` and `recipes/dogcat.yaml` have in common.

    None for any other path, which can only mean a file.
    """
    path = Path(wanted)
    if path.suffix not in {"", SUFFIX} or path.parent not in {Path(), Path(FOLDER)}:
        return None
    return path.stem
