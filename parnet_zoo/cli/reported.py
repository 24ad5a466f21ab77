"""Errors and signals turned into messages and exit codes."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import typer

from parnet_zoo.cli import INTERRUPTED
from parnet_zoo.errors import ParnetZooError
from registry import RegistryError

P = ParamSpec("P")
R = TypeVar("R")

USAGE = 2


def reported(command: Callable[P, R]) -> Callable[P, R]:
    """Wrap a command: a user's mistake becomes one message on standard error and an exit code.

    Of a command with a parameter `as_json`, a wrong recipe is answered as JSON on standard output.
    """

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except ParnetZooError as error:
            if kwargs.get("as_json") and _printed_as_json(error):
                raise typer.Exit(error.exit_code) from error
            raise _exit(str(error), error.exit_code) from error
        except RegistryError as error:
            raise _exit(str(error), USAGE) from error
        except KeyboardInterrupt as error:
            code = int(getattr(error, "exit_code", INTERRUPTED))
            raise _exit("interrupted", code) from error

    return wrapped


def _printed_as_json(error: ParnetZooError) -> bool:
    from parnet_zoo.recipe.errors import RecipeError

    if isinstance(error, RecipeError):
        typer.echo(json.dumps(error.as_json()))
    return isinstance(error, RecipeError)


def _exit(message: str, code: int) -> typer.Exit:
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()
    return typer.Exit(code)
