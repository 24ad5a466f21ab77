"""The typed registry: names to specs, without a framework."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import parnet_zoo
import registry
from parnet_zoo.networks.spec import ParNetSpec, ScalingSpec

PUBLISHED = ["parnet_l", "parnet_m", "parnet_s", "parnet_s_release", "parnet_xl"]
TINY = ScalingSpec(channels=(8,), branches=1, final_channels=8, resolution=32)


def test_it_is_the_same_module_by_either_name() -> None:
    assert parnet_zoo.registry is registry


def test_the_published_sizes_are_listed_and_the_test_network_is_hidden() -> None:
    assert registry.names("parnet_*") == PUBLISHED
    assert "parnet_test" in registry.names(hidden=True)


def test_names_are_found_by_glob() -> None:
    assert registry.names("parnet_?") == ["parnet_l", "parnet_m", "parnet_s"]
    assert registry.names("resnet*") == []


def test_a_spec_holds_what_the_paper_says_of_the_network() -> None:
    spec = registry.get("parnet_xl")
    assert (spec.family, spec.resolution, spec.depth, spec.stride) == ("parnet", 224, 12, 32)
    assert spec.widths == (200, 400, 800, 3200)
    assert spec.published is not None
    assert spec.published.top1 == 78.55


def test_an_unknown_name_gets_the_nearest_ones() -> None:
    with pytest.raises(registry.UnknownBackboneError, match="did you mean parnet_s"):
        registry.get("parnet-s")
    with pytest.raises(KeyError, match="backbones list"):
        registry.get("qqqqqqqq")


def test_a_user_registers_a_spec_and_an_alias() -> None:
    with registry.temporary():
        spec = registry.register(ParNetSpec(name="mine", scaling=TINY), aliases=["my_net"])
        assert registry.get("mine") is spec
        assert registry.get("my_net") is spec
        assert "mine" in registry.names()
    with pytest.raises(registry.UnknownBackboneError):
        registry.get("mine")


def test_a_name_that_is_taken_is_an_error_that_names_both_sides() -> None:
    with (
        registry.temporary(),
        pytest.raises(registry.DuplicateNameError, match=r"'parnet_s'.* by parnet and by user"),
    ):
        registry.register(ParNetSpec(name="parnet_s", scaling=TINY))


def test_registrations_are_undone_also_where_they_are_the_first_use_in_a_process() -> None:
    code = (
        "import registry\n"
        "with registry.temporary():\n"
        "    assert 'parnet_s' in registry.names()\n"
        "assert 'parnet_s' in registry.names()\n"
        "assert registry.get('parnet_xl').name == 'parnet_xl'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


PLUGIN = """\
from parnet_zoo.networks.spec import ParNetSpec, ScalingSpec

TINY = ScalingSpec(channels=(8,), branches=1, final_channels=8, resolution=32)

def named(name):
    return ParNetSpec(name=name, scaling=TINY)

"""
PLUGINS = {
    "fine": "def specs():\n    return [named('fine_a'), named('fine_b')]",
    "taken": "def specs():\n    return [named('taken_a'), named('parnet_s')]",
    "twice": "def specs():\n    yield named('twice_a')\n    yield named('twice_a')",
    "same": "def specs():\n    return [named('fine_a')]",
    "midway": "def specs():\n    yield named('midway_a')\n    raise OSError('no\\nfile')",
    "leaves": "import sys\ndef specs():\n    yield named('leaves_a')\n    sys.exit(3)",
    "leaves_at_once": "raise SystemExit(3)",
    "no_specs": "def specs():\n    return [named('no_specs_a'), 'name']",
    "not_there": "",
    "zebra": "def specs():\n    return [named('zebra_a')]",
}


@pytest.fixture
def plugins(tmp_path: Path) -> dict[str, str]:
    """An environment with an installed distribution for each of PLUGINS."""
    for name, text in PLUGINS.items():
        (tmp_path / f"zoo_{name}.py").write_text(PLUGIN + text)
        info = tmp_path / f"zoo_{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: zoo-{name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(
            f"[parnet_zoo.backbones]\n{name} = zoo_{name}:specs\n"
        )
    return {**os.environ, "PYTHONPATH": str(tmp_path)}


def in_process(code: str, environment: dict[str, str]) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", f"import json, registry\n{code}"],
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_broken_plugin_registers_nothing_and_the_others_all_they_have(
    plugins: dict[str, str],
) -> None:
    names, broken = in_process(
        "print(json.dumps([registry.names(), registry.broken_plugins()]))", plugins
    )
    assert sorted(names) == sorted([*PUBLISHED, "fine_a", "fine_b", "zebra_a"])
    reasons = {origin.split("'")[1]: reason for origin, reason in broken.items()}
    fine, same, twice, taken = (
        f"plugin '{name}' of zoo-{name} 1.0" for name in ("fine", "same", "twice", "taken")
    )
    assert reasons == {
        "taken": f"'parnet_s' is registered twice: by parnet and by {taken}",
        "twice": f"'twice_a' is registered twice: by {twice} and by {twice}",
        "same": f"'fine_a' is registered twice: by {fine} and by {same}",
        "midway": "OSError: no file",
        "leaves": "SystemExit: 3",
        "leaves_at_once": "SystemExit: 3",
        "no_specs": "TypeError: it gave str where a BackboneSpec is expected",
        "not_there": "AttributeError: module 'zoo_not_there' has no attribute 'specs'",
    }
    assert taken in broken


def test_a_user_still_may_not_take_the_name_of_a_plugin(plugins: dict[str, str]) -> None:
    code = (
        "import zoo_fine\n"
        "registry.names()\n"
        "try:\n"
        "    registry.register(zoo_fine.named('fine_b'))\n"
        "except registry.DuplicateNameError as error:\n"
        "    print(json.dumps(str(error)))\n"
    )
    assert in_process(code, plugins).endswith("by plugin 'fine' of zoo-fine 1.0 and by user")


def test_the_command_line_lists_what_works_and_names_what_does_not(plugins: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from parnet_zoo.cli import main; main()", "backbones", "list"],
        capture_output=True, text=True, check=False, env={**plugins, "COLUMNS": "200"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in [*PUBLISHED, "fine_a", "zebra_a"])
    assert "warning: plugin 'leaves' of zoo-leaves 1.0 is broken: SystemExit: 3" in done.stderr
    assert len(done.stderr.splitlines()) == 8


def test_specs_are_frozen_and_refuse_unknown_fields() -> None:
    spec = registry.get("parnet_s")
    with pytest.raises(ValidationError, match="frozen"):
        spec.name = "other"  # type: ignore[misc]  # the point of the test
    with pytest.raises(ValidationError, match="widht"):
        ParNetSpec.model_validate({"name": "x", "scaling": TINY, "widht": 3})


def test_every_spec_round_trips_through_json() -> None:
    for name in registry.names(hidden=True):
        spec = registry.get(name)
        assert type(spec).model_validate_json(spec.model_dump_json()) == spec


def test_a_builder_that_cannot_be_imported_is_named() -> None:
    spec = ParNetSpec(name="broken", builder="no_such_module:build", scaling=TINY)
    with pytest.raises(registry.SpecError, match="broken: cannot import 'no_such_module:build'"):
        spec.build()


def test_a_family_without_scaling_or_cost_says_so() -> None:
    plain = registry.BackboneSpec(name="plain", family="other", builder="some:thing")
    with pytest.raises(registry.SpecError, match="'other' cannot be scaled"):
        plain.scaled(width=2)
    with pytest.raises(registry.SpecError, match="cannot tell its cost"):
        plain.cost()


@pytest.mark.parametrize(
    "code",
    [
        "import registry",
        "import registry; registry.get('parnet_xl').cost()",
        "import parnet_zoo",
        "import parnet_zoo.networks",
        "import parnet_zoo.recipe",
        "from parnet_zoo.cli import main",
    ],
)
def test_no_framework_is_imported_before_it_is_needed(code: str) -> None:
    check = (
        f"{code}\nimport sys\n"
        "heavy = {'tensorflow', 'keras', 'keras_cv', 'mlflow', 'matplotlib', 'onnxruntime'}\n"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_command_line_lists_backbones_without_a_framework() -> None:
    code = (
        "import sys; from parnet_zoo.cli.app import app\n"
        "try: app(['backbones', 'list'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "assert not {'tensorflow', 'keras', 'mlflow', 'numpy'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in PUBLISHED)
