"""The registry as a type checker sees it, from the program of a user of the package."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

PROGRAM = '''\
"""A user's program: right in every line."""

from typing import Any, Self

import registry
from parnet_zoo import registry as same
from parnet_zoo.networks.spec import ParNetSpec, ScalingSpec
from parnet_zoo.recipe import dump_spec, load_spec
from registry import BackboneSpec, Cost, SpecError

spec = registry.get("parnet_s")
reveal_type(spec)
parnet = registry.get("parnet_s", ParNetSpec)
reveal_type(parnet)
reveal_type(parnet.scaling.channels)
reveal_type(same.get("parnet_s"))
reveal_type(registry.names("parnet_*", hidden=True))
reveal_type(spec.scaled(resolution=320))
reveal_type(parnet.scaled(width=1.25, multiple=16, branches=4, resolution=320))
reveal_type(spec.cost(num_classes=10, form="deploy"))
reveal_type(spec.cost().parameters)
reveal_type(registry.schema())
reveal_type(registry.families())
reveal_type(registry.from_mapping({"base": "parnet_s"}))
reveal_type(registry.suggestions("parnt"))
reveal_type(registry.broken_plugins())
reveal_type(spec.published)
reveal_type(spec.widths)
reveal_type(spec.depth)
reveal_type(load_spec("net.yaml"))
reveal_type(dump_spec(spec))

tiny = ScalingSpec(channels=(8, 16), final_channels=32, branches=2, resolution=32)
reveal_type(registry.register(ParNetSpec(name="tiny", scaling=tiny), aliases=["my_net"]))


class MineSpec(BackboneSpec):
    """A family of one's own."""

    family: str = "mine"
    builder: str = "mine.network:build"
    blocks: int = 3

    @property
    def stride(self) -> int:
        return 4 * self.blocks

    def scaled(self, *, blocks: int = 3, **changes: Any) -> Self:
        return self.model_copy(update={"blocks": blocks, **changes})


mine = MineSpec(name="mine_s")
reveal_type(mine.scaled(blocks=4))
reveal_type(registry.get("mine_s", MineSpec).blocks)


def parameters(name: str) -> int | None:
    try:
        cost: Cost = registry.get(name).cost()
    except SpecError as error:
        reveal_type(error.problems)
        return None
    return cost.parameters
'''
REVEALED = [
    "registry.spec.BackboneSpec",
    "parnet_zoo.networks.spec.ParNetSpec",
    "tuple[int, ...]",
    "registry.spec.BackboneSpec",
    "list[str]",
    "registry.spec.BackboneSpec",
    "parnet_zoo.networks.spec.ParNetSpec",
    "registry.cost.Cost",
    "int",
    "dict[str, Any]",
    "dict[str, type[registry.spec.BackboneSpec]]",
    "registry.spec.BackboneSpec",
    "list[str]",
    "dict[str, str]",
    "registry.spec.PublishedResult | None",
    "tuple[int, ...]",
    "int | None",
    "registry.spec.BackboneSpec",
    "str",
    "parnet_zoo.networks.spec.ParNetSpec",
    "user_right.MineSpec",
    "int",
    "tuple[registry.errors.FieldProblem, ...]",
]

WRONG = {
    "import registry\n": "",
    "from parnet_zoo.networks.spec import ParNetSpec, ScalingSpec\n": "",
    "registry.get(5)\n": "call-overload",
    'registry.get("parnet_s", str)\n': "type-var",
    'registry.get("parnet_s").scaling\n': "attr-defined",
    'registry.get("parnet_s", ParNetSpec).scaling.widths\n': "attr-defined",
    'registry.get("parnet_s", ParNetSpec).scaled(width="wide")\n': "arg-type",
    'registry.get("parnet_s").cost().flops\n': "attr-defined",
    "registry.names(hidden=1)\n": "arg-type",
    "registry.register(5)\n": "type-var",
    'registry.from_mapping("parnet_s")\n': "arg-type",
    'ScalingSpec(channels=(8,), final_channels=8, stem="large")\n': "arg-type",
    "registry.no_such_name\n": "attr-defined",
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What mypy says of both programs, in a folder without any settings of ours."""
    folder = tmp_path_factory.mktemp("user")
    (folder / "user_right.py").write_text(PROGRAM)
    (folder / "user_wrong.py").write_text("".join(WRONG))
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-pretty", "--hide-error-context",
         "--cache-dir", str(folder / "cache"), "user_right.py", "user_wrong.py"],
        cwd=folder, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout


@pytest.mark.slow
def test_a_right_program_has_no_errors_and_the_types_that_are_promised(said: str) -> None:
    assert re.findall(r"^user_right\.py:.* error: .*", said, re.MULTILINE) == []
    revealed = re.findall(r'^user_right\.py:.* Revealed type is "(.*)"', said, re.MULTILINE)
    assert [text.replace("builtins.", "") for text in revealed] == REVEALED


@pytest.mark.slow
def test_every_wrong_line_is_an_error_and_no_other(said: str) -> None:
    found = dict(re.findall(r"^user_wrong\.py:(\d+): error: .*\[(.*)\]$", said, re.MULTILINE))
    expected = {str(line): code for line, code in enumerate(WRONG.values(), start=1) if code}
    assert found == expected
