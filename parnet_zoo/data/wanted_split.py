"""What a recipe says about a split."""

from pathlib import Path

from parnet_zoo.errors import UsageError


def check_wanted(field: str, wanted: float | str) -> None:
    """Raise UsageError unless `wanted` is a fraction between 0 and 1, or the name of a folder.

    Args:
        field: Of the recipe, such as `data.validation`.
        wanted: Its value.
    """
    if isinstance(wanted, str):
        fits = wanted not in {"", ".", "..", "train"} and Path(wanted).name == wanted
        shown = repr(wanted)
    else:
        fits, shown = 0 < wanted < 1, f"{wanted}"
    if not fits:
        raise UsageError(
            f"{field}: {shown} does not fit; allowed is a fraction between 0 and 1, or the name of"
            ' a folder beside train, such as "validation" or "test"'
        )
