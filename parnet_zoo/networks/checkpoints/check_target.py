"""Where a conversion may write."""

from pathlib import Path

from parnet_zoo.errors import UsageError


def check_target(target: Path, source: Path, *, force: bool) -> None:
    """Refuse what cannot or must not be written, before anything is.

    Raises:
        UsageError: The folder is missing, or something is there: the checkpoint, a folder, or,
            without `force`, a file.
    """
    if not target.parent.is_dir():
        raise UsageError(f"{target}: there is no folder {target.parent}; make it first")
    if target.is_dir():
        raise UsageError(f"{target} is a folder")
    if not target.exists():
        return
    if source.exists() and target.samefile(source):
        raise UsageError(f"{target} is the checkpoint itself, which is never written to")
    if not force:
        raise UsageError(f"{target} exists; give another name, or force (--force) to replace it")
