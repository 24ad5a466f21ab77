"""The typed registry: names to specs, without a framework."""

import subprocess
import sys

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
