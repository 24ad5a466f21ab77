"""A network's spec in a YAML file."""

from __future__ import annotations

from pathlib import Path

import registry
from parnet_zoo.recipe.errors import Problem, RecipeError
from parnet_zoo.recipe.spec_document import read_spec, spec_problem
from parnet_zoo.recipe.yaml_text import yaml_text
from registry import BackboneSpec, SpecError


def load_spec(path: str | Path) -> BackboneSpec:
    """Read a spec from a YAML file; see `registry.from_mapping` for what can be in it.

    Raises:
        RecipeError: The file cannot be read, or is no spec; one line for each mistake, as
            `my_net.yaml:3:13 scaling.channels[1]: what is wrong; what fits`.
    """
    document = read_spec(path)
    if document.problems:
        raise RecipeError(document.problems)
    try:
        return registry.from_mapping(document.data)
    except SpecError as error:
        problems = [
            spec_problem(document, problem.path, problem.message, at_key=problem.at_key)
            for problem in error.problems
        ]
        raise RecipeError(problems or [Problem(0, 0, document.name, "", str(error))]) from error


def dump_spec(spec: BackboneSpec) -> str:
    """Write a spec as YAML that `load_spec` reads back equal.

    What every backbone has is left out where it has its default: so is the code that builds it.
    """
    common = BackboneSpec.model_fields.keys() - {"name", "family"}
    defaults = {name: type(spec).model_fields[name].default for name in common}
    left_out = {name for name in common if getattr(spec, name) == defaults[name]}
    data = spec.model_dump(mode="json", exclude=left_out)
    return yaml_text({"family": spec.family, **data})
