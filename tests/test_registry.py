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
FAMILIES = ["baseline", "parnet", "parnet_blog"]
TINY = ScalingSpec(channels=(8,), branches=1, final_channels=8, resolution=32)


def test_it_is_the_same_module_by_either_name() -> None:
    assert parnet_zoo.registry is registry


def test_the_published_sizes_are_listed_and_the_test_network_is_hidden() -> None:
    assert set(PUBLISHED) < set(registry.names())
    assert "parnet_test" not in registry.names()
    assert "parnet_test" in registry.names(hidden=True)


def test_names_are_found_by_glob() -> None:
    assert registry.names("parnet_?") == ["parnet_l", "parnet_m", "parnet_s"]
    assert registry.names("parnet_[sm]*") == ["parnet_m", "parnet_s", "parnet_s_release"]
    assert registry.names("nothing*") == []


def test_a_spec_holds_what_the_paper_says_of_the_network() -> None:
    spec = registry.get("parnet_xl")
    assert (spec.family, spec.resolution, spec.depth, spec.stride) == ("parnet", 224, 12, 32)
    assert spec.widths == (200, 400, 800, 3200)
    assert spec.published is not None
    assert spec.published.top1 == 78.55


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("parnet-s", "parnet_s"),
        ("ParNet_XL", "parnet_xl"),
        ("parnets", "parnet_s"),
        ("parnt_m", "parnet_m"),
        ("parnet_xxl", "parnet_xl"),
        ("parnet_large", "parnet_l"),
        ("parnet_s_relase", "parnet_s_release"),
        ("prnet_blog_m", "parnet_blog_m"),
        ("resnet_50", "resnet50"),
        ("resent50", "resnet50"),
        ("mobilenet_v3", "mobilenet_v3_large"),
        ("efficientnet_b0", "efficientnetv2_b0"),
    ],
)
def test_a_misspelt_name_gets_the_nearest_ones(written: str, meant: str) -> None:
    assert meant in registry.suggestions(written)
    with pytest.raises(registry.UnknownBackboneError, match=rf"did you mean .*\b{meant}\b"):
        registry.get(written)


@pytest.mark.parametrize(
    "name", ["vgg16", "densenet121", "convnext_s", "vit_b16", "swin_t", "qqqqqqqq", "s", "", "net"]
)
def test_an_unrelated_name_gets_none(name: str) -> None:
    assert registry.suggestions(name) == []
    with pytest.raises(KeyError, match="see `parnet-zoo backbones list`"):
        registry.get(name)


def test_a_spec_is_asked_for_as_its_familys_class() -> None:
    assert registry.get("parnet_s", ParNetSpec).scaling.branches == 3
    assert registry.get("resnet50", registry.BackboneSpec).family == "baseline"
    with pytest.raises(registry.SpecError) as caught:
        registry.get("resnet50", ParNetSpec)
    assert str(caught.value) == (
        "resnet50 is of the family 'baseline', whose specs are BaselineSpec, not ParNetSpec"
    )


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


class OtherSpec(ParNetSpec):
    """A spec class of somebody else, who forgot to name the family."""


def test_a_family_has_one_class() -> None:
    with (
        registry.temporary(),
        pytest.raises(
            registry.DuplicateNameError,
            match="'parnet' is claimed twice: with ParNetSpec by parnet and with OtherSpec by user",
        ),
    ):
        registry.register(OtherSpec(name="mine", scaling=TINY))


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
    "family": "class Other(ParNetSpec): pass\ndef specs():\n"
    "    return [Other(name='family_a', scaling=TINY)]",
    "mixed": "class Other(ParNetSpec): pass\ndef specs():\n"
    "    return [named('mixed_a').model_copy(update={'family': 'mixed'}),\n"
    "            Other(name='mixed_b', family='mixed', scaling=TINY)]",
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
    builtin = set(registry.names())
    assert set(names) == {*builtin, "fine_a", "fine_b", "zebra_a"}
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
        "family": "the family 'parnet' is claimed twice: with ParNetSpec by parnet and with Other"
        " by plugin 'family' of zoo-family 1.0",
        "mixed": "TypeError: it gave specs of two classes for the family 'mixed'",
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
    assert len(done.stderr.splitlines()) == 10


def test_specs_are_frozen_and_refuse_unknown_fields() -> None:
    spec = registry.get("parnet_s")
    with pytest.raises(ValidationError, match="frozen"):
        spec.name = "other"  # type: ignore[misc]  # the point of the test
    with pytest.raises(ValidationError, match="widht"):
        ParNetSpec.model_validate({"name": "x", "scaling": TINY, "widht": 3})


@pytest.mark.parametrize("name", ["parnet_test", "parnet_blog_s", "resnet50"])
@pytest.mark.parametrize(
    ("classes", "shown"),
    [(0, "the number 0"), (-1, "the number -1"), (True, "true"), ("ten", 'the text "ten"'),
     (2.5, "the number 2.5")],
)  # fmt: skip
def test_a_head_has_a_whole_number_of_classes(name: str, classes: Any, shown: str) -> None:
    with pytest.raises(registry.SpecError) as caught:
        registry.get(name).build(num_classes=classes)
    assert str(caught.value) == (
        f"{name}: num_classes is a whole number of at least 1, or None for no head, not {shown}"
    )


def test_a_builder_that_cannot_be_imported_is_named() -> None:
    spec = ParNetSpec(name="broken", builder="no_such_module:build", scaling=TINY)
    with pytest.raises(registry.SpecError, match="broken: cannot import 'no_such_module:build'"):
        spec.build()


PLAIN = registry.BackboneSpec(name="plain", family="other", builder="some:thing")


def test_a_family_without_scaling_or_cost_says_so() -> None:
    with pytest.raises(registry.SpecError) as caught:
        PLAIN.scaled(width=2)
    assert str(caught.value) == "plain: width: the family 'other' cannot be scaled"
    with pytest.raises(registry.SpecError, match="cannot tell its cost"):
        PLAIN.cost()


def test_what_a_family_cannot_do_is_in_one_sentence_of_its_specs() -> None:
    spec = registry.get("resnet50")
    assert "no deploy form" in spec.limits
    with pytest.raises(registry.SpecError) as scaled:
        spec.scaled(branches=2)
    assert str(scaled.value).endswith(f"cannot be scaled; {spec.limits}")
    with pytest.raises(registry.SpecError) as counted:
        spec.cost()
    assert str(counted.value).endswith(f"without building it; {spec.limits}")


def test_every_network_can_be_set_to_another_resolution_that_it_takes() -> None:
    spec = registry.get("resnet50")
    assert spec.scaled() is spec
    assert spec.scaled(resolution=224) is spec
    larger = spec.scaled(resolution=320)
    assert (larger.name, larger.resolution) == ("resnet50+r320", 320)
    assert larger.model_dump(exclude={"name", "resolution"}) == (
        spec.model_dump(exclude={"name", "resolution"})
    )
    with pytest.raises(registry.SpecError) as caught:
        spec.scaled(resolution=5000)
    assert str(caught.value) == (
        "resnet50: resolution: the number 5000 does not fit; it must be a whole number from 32 to"
        " 4096"
    )


class StridedSpec(registry.BackboneSpec):
    """A family that has no scaling rule but a stride."""

    family: str = "strided"
    builder: str = "some:thing"

    @property
    def stride(self) -> int:
        return 32


def test_a_resolution_that_a_family_does_not_take_gets_the_nearest_that_it_does() -> None:
    spec = StridedSpec(name="strided_s")
    with pytest.raises(registry.SpecError) as caught:
        spec.scaled(resolution=100)
    assert str(caught.value) == (
        "strided_s: resolution: 100 pixels do not fit; the nearest that strided_s takes is 96"
    )


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
