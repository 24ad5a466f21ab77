"""`parnet-zoo predict`: classify pictures with a trained version."""

import io
import json
import os
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from parnet_zoo.errors import ImageError, TrackingError, UsageError

if TYPE_CHECKING:
    from parnet_zoo.serving.predict import Failure, Prediction
    from parnet_zoo.serving.runtime import Classifier

_ON_SHEET = 100

_ModelUri = Annotated[
    str,
    typer.Argument(
        metavar="MODEL_URI",
        help="models:/NAME@champion, models:/NAME/3, runs:/..., or a folder with a model.",
    ),
]
_Images = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[IMAGE]...",
        help="Files, folders or patterns. Without any, or with -, paths are read from standard"
        " input.",
        show_default=False,
    ),
]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
_TopK = Annotated[int, typer.Option("--top-k", min=1, help="How many labels for each picture.")]
_Plot = Annotated[
    Path | None,
    typer.Option(
        "--plot", metavar="PNG", dir_okay=False, help="Draw the pictures with their labels."
    ),
]
_Engine = Annotated[str, typer.Option("--engine", help="auto or onnxruntime.")]


def predict(
    model_uri: _ModelUri,
    images: _Images = None,
    *,
    json_: _Json = False,
    top_k: _TopK = 5,
    plot: _Plot = None,
    engine: _Engine = "auto",
) -> None:
    """Say what is in pictures.

    Exits with 5 if some could not be read, after answering for the others, and with 2 if there was
    no picture at all.
    """
    # Pillow's remarks on odd metadata; what makes a picture unreadable is reported by name.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    from parnet_zoo.serving.load import load
    from parnet_zoo.serving.predict import predict_paths

    paths = _expanded(images) if images and list(images) != ["-"] else None
    if plot is not None:
        _check_plot(plot)
    classifier = load(model_uri, engine)
    _mark_dead_runs(model_uri)
    if paths is None:
        outcomes = _from_standard_input(classifier, top_k)
    else:
        outcomes = predict_paths(classifier, paths, top_k)
    done = _printed(outcomes, as_json=json_, as_table=paths is not None and sys.stdout.isatty())
    if plot is not None:
        _draw(classifier, done, plot)
    _report(done, already_named=paths is None)


def _mark_dead_runs(model_uri: str) -> None:
    """A run that was killed outright is marked so by the next command that meets its store."""
    from parnet_zoo.tracking.stale import mark_dead_runs

    if not Path(model_uri).exists():  # a folder has no store
        with suppress(TrackingError):
            mark_dead_runs()


def _check_plot(plot: Path) -> None:
    """Say what is wrong with the plot's place before the pictures are looked at."""
    if plot.suffix.lower() != ".png":
        raise UsageError(f"--plot {plot}: what is drawn is a PNG, so its name must end in .png")
    if not plot.parent.is_dir():
        raise UsageError(f"--plot {plot}: there is no folder {plot.parent}")
    if not os.access(plot if plot.exists() else plot.parent, os.W_OK):
        raise UsageError(f"--plot {plot}: it cannot be written there: no permission")


def _expanded(images: Sequence[str]) -> list["Path | Failure"]:
    from parnet_zoo.serving.predict import Failure, expand

    paths = list(expand(images))
    if all(isinstance(path, Failure) for path in paths):
        raise UsageError("\n".join(map(_said, _failures(paths))))
    return paths


def _printed(
    outcomes: Iterable["Prediction | Failure"], *, as_json: bool, as_table: bool
) -> list["Prediction | Failure"]:
    """Print answers, line by line as they come where that is possible, and return them."""
    if not as_json and not as_table:
        return list(_print_lines(outcomes))
    done = list(outcomes)
    (_print_json if as_json else _print_table)(done)
    return done


def _failures(outcomes: Iterable[Any]) -> list["Failure"]:
    from parnet_zoo.serving.predict import Failure

    return [outcome for outcome in outcomes if isinstance(outcome, Failure)]


def _said(failure: "Failure") -> str:
    return f"{_shown(failure.path)}: {failure.reason}"


def _shown(path: Path) -> str:
    """The path in characters that can be printed, whatever bytes the file's name is made of."""
    return os.fsencode(path).decode("utf-8", "replace")


def _from_standard_input(classifier: "Classifier", top_k: int) -> Iterator["Prediction | Failure"]:
    """Answer line by line, so that a person, or a program at the other end, sees each at once."""
    from parnet_zoo.serving.predict import Failure, expand, predict_paths

    for line in _lines():
        for path in expand([line]):
            for outcome in predict_paths(classifier, [path], top_k):
                if isinstance(outcome, Failure):
                    typer.echo(_said(outcome), err=True)
                yield outcome


def _lines() -> Iterator[str]:
    """Paths from standard input up to its end; at a prompt, up to an empty line."""
    prompted = sys.stdin.isatty()
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")  # names of files are bytes
    while True:
        if prompted:
            typer.echo("picture (empty line to end): ", nl=False, err=True)
        line = sys.stdin.readline()
        path = line.strip().strip("'\"")
        if not line or (prompted and not path):
            return
        if path:
            yield path


def _print_json(outcomes: Iterable["Prediction | Failure"]) -> None:
    from parnet_zoo.serving.predict import Failure

    answer: dict[str, list[dict[str, Any]]] = {"predictions": [], "unreadable": []}
    for outcome in outcomes:
        path = {"path": _shown(outcome.path)}
        if isinstance(outcome, Failure):
            answer["unreadable"].append({**path, "reason": outcome.reason})
        else:
            answer["predictions"].append({**path, **outcome.answer})
    typer.echo(json.dumps(answer, indent=2, ensure_ascii=False))


def _print_lines(
    outcomes: Iterable["Prediction | Failure"],
) -> Iterator["Prediction | Failure"]:
    """Print path, then label and probability of each of the first labels, between tabs."""
    from parnet_zoo.serving.predict import Prediction

    for outcome in outcomes:
        if isinstance(outcome, Prediction):
            scores = outcome.answer["top_k"]
            fields = [f"{score['label']}\t{score['probability']:.4f}" for score in scores]
            typer.echo("\t".join([_shown(outcome.path), *fields]))
        yield outcome


def _print_table(outcomes: Iterable["Prediction | Failure"]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from parnet_zoo.serving.predict import Prediction

    table = Table()
    table.add_column("image", overflow="fold")  # cut names could not be told apart
    table.add_column("label", overflow="fold")
    table.add_column("probability", justify="right")
    table.add_column("then")
    for outcome in outcomes:
        if isinstance(outcome, Prediction):
            best, *others = outcome.answer["top_k"]
            then = ", ".join(f"{score['label']} {score['probability']:.1%}" for score in others)
            # Text, because labels and paths may hold what rich takes for markup.
            cells = (_shown(outcome.path), best["label"], f"{best['probability']:.1%}", then)
            table.add_row(*map(Text, cells))
    if table.row_count:
        Console().print(table)


def _draw(classifier: "Classifier", outcomes: Iterable["Prediction | Failure"], path: Path) -> None:
    from parnet_zoo.evaluation.figures import prediction_sheet
    from parnet_zoo.serving.predict import Prediction

    predictions = [outcome for outcome in outcomes if isinstance(outcome, Prediction)]
    if not predictions:
        typer.echo(f"{path} was not drawn: there are no pictures", err=True)
        return
    shown = predictions[:_ON_SHEET]
    titles = [f"{item.answer['label']} {item.answer['probability']:.1%}" for item in shown]
    pictures = [classifier.decode(item.path) for item in shown]
    try:
        prediction_sheet(pictures, titles, path)
    except OSError as error:
        raise UsageError(f"--plot {path}: it cannot be written there: {error.strerror}") from error
    of_how_many = "" if len(shown) == len(predictions) else f" of {len(predictions)}"
    typer.echo(f"{path}: {len(shown)}{of_how_many} pictures", err=True)


def _report(outcomes: Sequence["Prediction | Failure"], *, already_named: bool) -> None:
    """End with the error code if there were failures; at a prompt they are part of the talk."""
    failures = _failures(outcomes)
    if not failures or (already_named and sys.stdin.isatty()):
        return
    count = f"{len(failures)} of {len(outcomes)} could not be read"
    names = [] if already_named else [f"  {_said(failure)}" for failure in failures]
    raise ImageError("\n".join([f"{count}:" if names else count, *names]))
