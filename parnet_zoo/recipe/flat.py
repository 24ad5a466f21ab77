"""A recipe file, with all that it extends, as one text that needs no other file."""

from __future__ import annotations

from pathlib import Path

from parnet_zoo.recipe.environment import escaped
from parnet_zoo.recipe.errors import RecipeError
from parnet_zoo.recipe.inline_spec import inline_spec
from parnet_zoo.recipe.layers import read_layers
from parnet_zoo.recipe.merge import merge
from parnet_zoo.recipe.schema.backbone import SPEC
from parnet_zoo.recipe.unresolved import take_unresolved
from parnet_zoo.recipe.yaml_text import yaml_text


def flat_recipe(path_or_name: str | Path) -> str:
    """What a recipe's files say together, as YAML, before any override.

    Unlike `Recipe.to_yaml` it has no defaults in it and need not be complete, so that overrides
    change it exactly as they change the files. Environment variables have their values of now; one
    that is not set is left out.

    Args:
        path_or_name: A YAML file, or the name of a shipped recipe such as `dogcat`.

    Raises:
        RecipeError: A file cannot be read, or is no YAML.
    """
    layers = read_layers(path_or_name)
    merged = merge([layer.data for layer in layers.files])
    owner = layers.files[merged.owner(SPEC) or 0]
    place = owner.document.position(SPEC)
    inlined = inline_spec(merged.data, owner.path.parent, place, owner.document.name)
    problems = [problem for layer in layers.files for problem in layer.document.problems]
    problems += [*layers.problems, *inlined.problems]
    if problems:
        raise RecipeError(problems)
    take_unresolved(merged.data)
    return yaml_text(escaped(merged.data))
