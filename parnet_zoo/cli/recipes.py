"""`parnet-zoo recipes list | validate | show | schema | diff`."""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from parnet_zoo.cli.reported import reported
from parnet_zoo.errors import UsageError

if TYPE_CHECKING:
    from parnet_zoo.recipe import RecipeSummary

WRONG = 2
DIFFERENT = 1
"""What `diff` exits with where the recipes differ, as diff(1) does."""
_COLUMNS = ("recipe", "network", "resolution", "epochs", "origin", "description")

app = typer.Typer(help="The recipes, checked and compared.", no_args_is_help=True)

_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]
_Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="Any field, e.g. optimizer.learning_rate=1e-3; repeatable."),
]
_Recipe = Annotated[str, typer.Argument(help="Recipe file, or the name of a shipped recipe.")]


def list_all(as_json: _Json = False) -> None:
    """List the shipped recipes, and those in the folder recipes."""
    from parnet_zoo.recipe import list_recipes
    from parnet_zoo.recipe.shown_path import shown_path

    summaries = list_recipes()
    if as_json:
        typer.echo(json.dumps({"recipes": [dataclasses.asdict(item) for item in summaries]}))
        return
    usable = (_cells(item, shown_path(item.recipe)) for item in summaries if item.error is None)
    typer.echo(_table([_COLUMNS, *usable]))
    for item in summaries:
        if item.error is not None:
            sys.stderr.write(f"{shown_path(item.recipe)} cannot be used:\n{item.error}\n")


def validate(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="Recipe files, or names of shipped ones.")
    ],
    settings: _Settings = None,
    as_json: _Json = False,
) -> None:
    """Check recipes as a whole; all mistakes of all files at once.

    Exits with 2 if one of them is wrong.
    """
    from parnet_zoo.recipe import RecipeError, load_recipe
    from parnet_zoo.recipe.shown_path import shown_path

    answers: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    for file in files:
        try:
            load_recipe(file, settings or ())
        except RecipeError as error:
            answers.append({"recipe": file, "ok": False})
            errors += error.as_json()["errors"]
            _say(f"{error}\n", quiet=as_json)
        else:
            answers.append({"recipe": file, "ok": True})
            if not as_json:
                typer.echo(f"{shown_path(file)}: OK")
    if as_json:
        typer.echo(json.dumps({"recipes": answers, "errors": errors}))
    if errors:
        raise typer.Exit(WRONG)


def show(
    recipe: _Recipe,
    resolved: Annotated[
        bool,
        typer.Option(
            "--resolved", help="All fields, with defaults, what it extends, variables and --set."
        ),
    ] = False,
    settings: _Settings = None,
    as_json: _Json = False,
) -> None:
    """Print a recipe as it is in its file, or the whole of what it means."""
    from parnet_zoo.recipe import load_recipe, read_recipe_text

    if settings and not resolved:
        raise UsageError("--set only changes what --resolved shows; give both")
    if not resolved:
        path, text = read_recipe_text(recipe)
        typer.echo(json.dumps({"file": str(path), "text": text}) if as_json else text, nl=as_json)
        return
    loaded = load_recipe(recipe, settings or ())
    if as_json:
        answer = {
            "files": [str(path) for path in loaded.files],
            "digest": loaded.recipe.digest,
            "recipe": loaded.recipe.model_dump(mode="json"),
        }
        typer.echo(json.dumps(answer))
    else:
        typer.echo(loaded.recipe.to_yaml(), nl=False)


def schema() -> None:
    """Print the JSON Schema of recipe files, for editors that complete and check."""
    from parnet_zoo.recipe import recipe_schema

    typer.echo(json.dumps(recipe_schema(), indent=2))


def diff(
    first: Annotated[str, typer.Argument(metavar="A", help="Recipe file, or a shipped name.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Recipe file, or a shipped name.")],
    as_json: _Json = False,
) -> None:
    """Show the fields in which two whole recipes differ.

    Exits with 0 if they do not, with 1 if they do, and with 2 if one of them is wrong.
    """
    from parnet_zoo.recipe import differences, load_recipe

    found = differences(load_recipe(first).recipe, load_recipe(second).recipe)
    if as_json:
        rows = [{"field": item.field, "a": item.first, "b": item.second} for item in found]
        typer.echo(json.dumps({"differences": rows}))
    elif found:
        lines = [(item.field, _shown(item.first), _shown(item.second)) for item in found]
        typer.echo(_table([("field", first, second), *lines]))
    if found:
        raise typer.Exit(DIFFERENT)


app.command("list")(reported(list_all))
app.command("validate")(reported(validate))
app.command("show")(reported(show))
app.command("schema")(reported(schema))
app.command("diff")(reported(diff))


def _say(text: str, *, quiet: bool) -> None:
    if not quiet:
        sys.stderr.write(text)
        sys.stderr.flush()


def _cells(item: RecipeSummary, shown: str) -> tuple[str, ...]:
    return (
        shown,
        item.network or "-",
        str(item.resolution),
        item.time or str(item.epochs),
        item.origin,
        " ".join((item.description or "-").split()),
    )


def _table(lines: list[tuple[str, ...]]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _shown(value: Any) -> str:
    """A value on one line, as a recipe has it."""
    from parnet_zoo.recipe.yaml_text import yaml_value

    return yaml_value(value)
