"""What the entries of a journal must hold: a journal is only a file, and may be damaged."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from parnet_zoo.errors import TrackingError
from parnet_zoo.tracking.journal import Entry

Identifier: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w-]{0,99}$")]


def _is_number(value: float | str) -> float | str:
    """Values that JSON has no number for (nan, inf) are written as strings."""
    float(value)
    return value


def _is_point(row: list[str | float | int]) -> list[str | float | int]:
    match row:
        case [str(), value, int()]:
            _is_number(value)
            return row
    raise ValueError("a value of a metric is its name, the value and the time")


def _is_inside(folder: str | None) -> str | None:
    path = PurePosixPath(folder or "")
    if path.is_absolute() or ".." in path.parts:
        raise ValueError("it leads out of the run's artifacts")
    return folder


Value: TypeAlias = Annotated[float | str, AfterValidator(_is_number)]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)


class RunData(_Data):
    """The first entry: which run it is, and what it takes to create it in MLflow.

    Attributes:
        local_id: Its name before it has MLflow's id, and a tag of it afterwards.
        experiment: The experiment's name.
        name: The run's.
        tags: That it is created with.
        time: When it began, milliseconds since 1970.
        store: The tracking URI, passwords not shown.
        offline: Whether the store was not to be asked; another one may take the run later.
    """

    local_id: Identifier
    experiment: str
    name: str
    tags: dict[str, str]
    time: int
    store: str
    offline: bool


class StoreData(_Data):
    """The store that takes a run which began offline; from then on there is no other."""

    store: str


class CreatedData(_Data):
    """MLflow's ids of a run that is there now."""

    run_id: Identifier
    experiment_id: Identifier


class _Params(_Data):
    params: dict[str, str]


class _Metrics(_Data):
    step: int
    time: int
    metrics: dict[str, Value]


class _Tags(_Data):
    tags: dict[str, str]


class _Untag(_Data):
    tag: str


class _Artifact(_Data):
    copy_: Annotated[str, Field(alias="copy")]
    folder: Annotated[str | None, AfterValidator(_is_inside)]


class _Checkpoint(_Data):
    copy_: Annotated[str, Field(alias="copy")]
    kind: str
    step: int
    keep: int | None
    metrics: list[Annotated[list[str | float | int], AfterValidator(_is_point)]]


class _Dataset(_Data):
    name: str
    digest: str
    context: str
    source: str
    images: int
    classes: dict[str, int]


class _Status(_Data):
    status: Literal["RUNNING", "FINISHED", "KILLED", "FAILED"]
    time: int


_DATA: dict[str, type[_Data]] = {
    "run": RunData,
    "store": StoreData,
    "created": CreatedData,
    "params": _Params,
    "metrics": _Metrics,
    "tags": _Tags,
    "untag": _Untag,
    "artifact": _Artifact,
    "checkpoint": _Checkpoint,
    "dataset": _Dataset,
    "status": _Status,
}


def check_entries(entries: Iterable[Entry], path: Path) -> None:
    """Look at what each entry holds. Unknown kinds pass: their delivery is refused, one by one.

    Args:
        entries: From the journal.
        path: The journal, for the message.

    Raises:
        TrackingError: An entry lacks something, or has it of a wrong kind; names file and line.
    """
    for entry in entries:
        model = _DATA.get(entry.kind)
        if model is None:
            continue
        try:
            model.model_validate(entry.data)
        except ValidationError as error:
            raise TrackingError(_said(entry, path, error)) from error


def _said(entry: Entry, path: Path, error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part)[:50] for part in first["loc"])
    return (
        f"{path} is damaged in line {entry.number} ({entry.kind}: {place}: {first['msg']}): its run"
        " cannot be continued; what MLflow has of it is unharmed"
    )
