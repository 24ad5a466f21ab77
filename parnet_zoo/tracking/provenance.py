"""Where a run comes from: code, packages, user."""

import getpass
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from parnet_zoo.tracking.limits import TAG_CHARACTERS, cut

_TOLD_IN_TAGS = ("parnet-zoo", "tensorflow", "keras", "mlflow", "numpy")
_GIT_SECONDS = 10.0


def provenance_tags(folder: Path) -> dict[str, str]:
    """Tags with git commit, user, program and versions.

    Args:
        folder: The user's project; its git commit is recorded if it is in a repository.
    """
    tags = {
        "mlflow.user": user_name(),
        "mlflow.source.name": cut(_program(), TAG_CHARACTERS),
        "mlflow.source.type": "LOCAL",
        "version.python": platform.python_version(),
    }
    versions = installed_versions()
    tags |= {f"version.{name}": versions[name] for name in _TOLD_IN_TAGS if name in versions}
    commit = _git(folder, "rev-parse", "HEAD")
    if commit:
        tags["mlflow.source.git.commit"] = commit
        changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
        if changes is not None:
            tags["parnet_zoo.git_dirty"] = "true" if changes else "false"
    return tags


def installed_versions() -> dict[str, str]:
    """Version by name of every installed package, sorted."""
    found = {}
    for distribution in metadata.distributions():
        # A half-removed package has no name.
        if name := distribution.metadata["Name"]:
            found[name.lower().replace("_", "-")] = distribution.version
    return dict(sorted(found.items()))


def user_name() -> str:
    """Who runs this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user id without an entry in passwd
        return "unknown"


def _program() -> str:
    return Path(sys.argv[0]).name if sys.argv and sys.argv[0] not in ("", "-c") else "python"


def _git(folder: Path, *arguments: str) -> str | None:
    """Git's answer; None without git, outside a repository, or before the first commit."""
    # fsmonitor: a repository's configuration could start a program of its own with it.
    command = ["git", "-c", "core.fsmonitor=false", *arguments]
    try:
        done = subprocess.run(  # noqa: S603  # fixed words only
            command, cwd=folder, capture_output=True, text=True, timeout=_GIT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
