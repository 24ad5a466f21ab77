"""Where a recipe takes its first weights from: a file, a run or a registered version."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from parnet_zoo.user_path import user_path

FORMS = (
    "a path, runs:/RUN_ID, runs:/RUN_ID/PATH, models:/NAME/VERSION, models:/NAME@ALIAS or"
    " models:/m-ID"
)

# Two letters at least: C:/weights is a folder on Windows.
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
_RUN = re.compile(r"runs:/(?P<run>[A-Za-z0-9_-]{1,64})(?:/(?P<artifact>[^/].*?))?/?")
_CHECKPOINT = re.compile(r"models:/(?P<model>m-[0-9a-f]{32})")
_VERSION = re.compile(r"models:/(?P<name>[^/@]+)(?:/(?P<version>[0-9]{1,18})|@(?P<alias>[^/@]+))")


@dataclass(frozen=True)
class LocalFile:
    """A file on this machine."""

    path: Path


@dataclass(frozen=True)
class RunArtifact:
    """An artifact of an MLflow run.

    Attributes:
        run_id: The run.
        artifact: Path among its artifacts; None for the weights that a training leaves there.
    """

    run_id: str
    artifact: str | None


@dataclass(frozen=True)
class RegisteredVersion:
    """The weights of the run that made a registered version.

    Attributes:
        name: The registered model.
        version: Its number, as a text; None where the alias says it.
        alias: Without the `@`.
    """

    name: str
    version: str | None
    alias: str | None


@dataclass(frozen=True)
class LoggedCheckpoint:
    """A checkpoint that a run left in MLflow as a model.

    Attributes:
        model_id: MLflow's id of it, which begins with `m-`.
    """

    model_id: str


WeightsSource = LoggedCheckpoint | LocalFile | RunArtifact | RegisteredVersion


def parse_weights_source(text: str) -> WeightsSource:
    """Tell a path from an address of MLflow.

    Raises:
        ValueError: An address of another form; the message has those that there are.
    """
    if not _ADDRESS.match(text):
        return LocalFile(user_path(text))
    if run := _RUN.fullmatch(text):
        artifact = run["artifact"]
        if artifact and {"..", "."} & set(artifact.split("/")):
            raise ValueError(f"{artifact} is no path among a run's artifacts")
        return RunArtifact(run["run"], artifact)
    if checkpoint := _CHECKPOINT.fullmatch(text):
        return LoggedCheckpoint(checkpoint["model"])
    if version := _VERSION.fullmatch(text):
        return RegisteredVersion(version["name"], version["version"], version["alias"])
    raise ValueError(f"it is no address of weights; those are {FORMS}")
