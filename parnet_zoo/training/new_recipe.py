"""A commented recipe for a folder of pictures and this machine."""

from __future__ import annotations

import os
import re
import shlex
import tempfile
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from parnet_zoo.data.escaped import escaped
from parnet_zoo.errors import UsageError
from parnet_zoo.recipe import Recipe, load_recipe
from parnet_zoo.recipe.schema.data import FILE_SUFFIXES
from parnet_zoo.recipe.schema.duration import seconds_of
from parnet_zoo.recipe.schema.texts import Name
from parnet_zoo.training.drafting.compose import compose
from parnet_zoo.training.drafting.draft import Draft
from parnet_zoo.training.drafting.fitted import Fitted, time_of
from parnet_zoo.training.drafting.machine import Machine
from parnet_zoo.training.drafting.network import fit_network
from parnet_zoo.training.drafting.pictures import look_at
from parnet_zoo.training.drafting.splits import divide
from parnet_zoo.training.drafting.start import find_start
from parnet_zoo.training.drafting.task import Task, fine_tuning_epochs
from parnet_zoo.training.expected_time import ExpectedTime
from parnet_zoo.training.progress import Progress
from parnet_zoo.training.spoken_time import spoken_time
from parnet_zoo.user_path import user_path

SUFFIXES = (".yaml", ".yml")


class Reason(BaseModel):
    """One field of a new recipe.

    Attributes:
        field: Its dotted name.
        value: Its value.
        why: Why; empty where there is nothing to say.
    """

    model_config = ConfigDict(frozen=True)

    field: str
    value: Any
    why: str


class NewRecipe(BaseModel):
    """A recipe that was written.

    Attributes:
        path: The file.
        command: What trains it.
        expected_seconds: What the training is expected to take on this machine when it has nothing
            else to do; None where nobody can tell.
        fits: Whether that is within the time that was given; None where nobody can tell.
        choices: The fields that it has.
    """

    model_config = ConfigDict(frozen=True)

    path: Path
    command: str
    expected_seconds: float | None
    fits: bool | None
    choices: tuple[Reason, ...]


def new_recipe(
    data: str | Path,
    *,
    out: str | Path | None = None,
    time: str = "1h",
    name: str | None = None,
    start_from: str | None = None,
    force: bool = False,
    quiet: bool = False,
) -> NewRecipe:
    """Look at pictures and at this machine, and write a commented recipe that fits both.

    Args:
        data: What `data.root` may be, such as a folder with `train/CLASS/*` in it.
        out: The file to write; `NAME.yaml` in the current folder if it is not given.
        time: For the whole training, such as `30m` or `1h30m`.
        name: Of the recipe; that of the pictures' folder if it is not given.
        start_from: A registered version to go on from, `models:/NAME/VERSION` or
            `models:/NAME@ALIAS`. Without it, one is looked for where pictures are few.
        force: Overwrite the file if it is there.
        quiet: Show nothing but warnings.

    Returns:
        The file, what is in it, and why.

    Raises:
        UsageError: A name, a time or an address makes no sense, or the file is there already or
            cannot be written.
        DataError: The pictures are missing or cannot be used.
        TrackingError: The store does not have the version to go on from, or does not answer.
    """
    progress = Progress(quiet=quiet)
    seconds = _seconds(time)
    root = user_path(data)
    _check_text(root)
    called = _name(name, root)
    path = _free(Path(f"{called}.yaml") if out is None else user_path(out), force=force)
    progress.say(f"looking at {root}")
    task = _task(root, called, time, seconds, start_from, progress)
    draft = compose(task)
    expected = time_of(Recipe.model_validate(draft.data()), task.pictures, task.machine)
    command = f"parnet-zoo train {shlex.quote(str(path))}"
    asked = _asked(data, time, {"--name": name, "--out": out, "--from": start_from})
    text = draft.text(_header(task, expected, command, asked))
    _write(path, text, force=force)
    return NewRecipe(
        path=path,
        command=command,
        expected_seconds=expected.seconds if expected else None,
        fits=expected.seconds <= seconds if expected else None,
        choices=tuple(_reasons(draft)),
    )


def _task(
    root: Path,
    name: str,
    time: str,
    seconds: float,
    start_from: str | None,
    progress: Progress,
) -> Task:
    splits = divide(root)
    pictures = look_at(splits.folder)
    machine = Machine.here()
    start = find_start(pictures, name, start_from)
    if start.warning:
        progress.warn(start.warning)
    if start.uri is None:
        fitting = fit_network(pictures, machine, seconds)
        fitted = fitting.best.fitted
    else:
        fitting = None
        fitted = Fitted.of(
            start.model(),
            (),
            pictures=pictures,
            machine=machine,
            seconds=seconds,
            wanted=fine_tuning_epochs(pictures.train),
        )
    return Task(
        name=name,
        root=str(root),
        pictures=pictures,
        splits=splits,
        machine=machine,
        budget=time,
        seconds=seconds,
        start=start,
        fitted=fitted,
        fitting=fitting,
    )


def _asked(data: str | Path, time: str, options: dict[str, str | Path | None]) -> str:
    """The command that writes the recipe again."""
    words = ["parnet-zoo", "new", "--data", str(data), "--time", time]
    for option, value in options.items():
        words += [] if value is None else [option, str(value)]
    return shlex.join(words)


def _header(task: Task, expected: ExpectedTime | None, command: str, asked: str) -> list[str]:
    pictures = task.pictures
    paragraphs = [
        f"{task.name}: {len(pictures.classes)} classes, {pictures.train:,} training pictures.",
        f"  {command}",
        f"Written by `{asked}` for this machine: {task.machine.in_words}.",
        f"Reaches: not run. {_duration(task, expected)}",
    ]
    if pictures.unreadable:
        paragraphs.append(
            f"{pictures.unreadable} of {pictures.sampled} pictures that were looked into cannot be"
            " read and will be left out."
        )
    return paragraphs


def _duration(task: Task, expected: ExpectedTime | None) -> str:
    if expected is None:
        return "How long it takes shows with the first steps, since there may be a GPU here."
    text = (
        f"Expected to take about {spoken_time(expected.seconds)} on this machine"
        f" ({spoken_time(expected.low)} to {spoken_time(expected.high)}), which is an estimate."
    )
    if expected.seconds > task.seconds:
        text += f" That does not fit into {task.budget}: this is the least that is of any use."
    if expected.busy:
        text += (
            f" Only {expected.free:.0%} of the processor was free when this was written; if that"
            f" goes on, it takes about {spoken_time(expected.as_busy_as_now)}."
        )
    return text


def _reasons(draft: Draft) -> list[Reason]:
    return [Reason(field=one.name, value=one.value, why=one.why) for one in draft.choices]


def _seconds(time: str) -> float:
    try:
        return seconds_of(time)
    except ValueError as error:
        raise UsageError(f"--time {time}: {error}") from None


def _check_text(root: Path) -> None:
    if escaped(root) != str(root):
        raise UsageError(
            f"{escaped(root)}: a recipe cannot name it, since it is not text in UTF-8 on one line;"
            " rename it"
        )


def _name(wanted: str | None, root: Path) -> str:
    """The name that is asked for, or the folder's with what names cannot have left out."""
    if wanted is None:
        stem = root.resolve().name
        if root.suffix.lower() in FILE_SUFFIXES:
            stem = stem[: -len(root.suffix)]
        return re.sub(r"[^A-Za-z0-9_.-]+", "-", stem).strip("-_.")[:100] or "pictures"
    try:
        return TypeAdapter(Name).validate_python(wanted)
    except ValidationError:
        raise UsageError(
            f"--name {escaped(wanted)}: it must be a name of letters, digits, '_', '-' and '.'"
        ) from None


def _free(path: Path, *, force: bool) -> Path:
    """The path, where it can be written to."""
    shown = escaped(path)
    if path.suffix not in SUFFIXES:
        raise UsageError(f"{shown}: a recipe's name ends in .yaml")
    if path.is_dir():
        raise UsageError(f"{shown} is a folder; name a file in it")
    if path.exists() and not force:
        raise UsageError(f"{shown} is there already; take another name, or overwrite it by --force")
    if not path.parent.is_dir():
        raise UsageError(f"{shown} cannot be written: there is no folder {escaped(path.parent)}")
    return path


def _write(path: Path, text: str, *, force: bool) -> None:
    """Check the recipe as it will be read, then put it there as a whole."""
    shown = escaped(path)
    try:
        with tempfile.TemporaryDirectory(prefix=f".{path.stem}-", dir=path.parent) as directory:
            new = Path(directory) / path.name
            with new.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            load_recipe(new)
            if force:
                new.replace(path)
            else:
                _add(new, path)
    except FileExistsError:
        raise UsageError(
            f"{shown} is there already; take another name, or overwrite it by --force"
        ) from None
    except OSError as error:
        raise UsageError(f"{shown} cannot be written: {error.strerror or error}") from None


def _add(new: Path, path: Path) -> None:
    """Give a file its place; FileExistsError where somebody else was faster."""
    try:
        path.hardlink_to(new)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        path.touch(exist_ok=False)
        new.replace(path)
