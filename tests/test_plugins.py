"""A package of a third party adds a family of its own, in an environment that it is installed in.

The packages are in `plugins/`: `parnet_zoo_example` works, `parnet_zoo_broken` does not load.
"""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import registry
from tests.conftest import Done, parnet_zoo_command, user_environment

pytestmark = pytest.mark.slow

PLUGINS = Path(__file__).parent / "plugins"
RECIPE = """\
name: digits_example
epochs: 1
model:
  name: example_cnn_s
  resolution: 16
  scaling:
    width: 0.5
data:
  root: digits
  source: digits
  limit: 200
  normalization: unit
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of a new environment, which sees this one's packages and has both plugins besides."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    found = folder / "bin" / "python"
    [own] = folder.glob("lib/python*/site-packages")
    shared = sysconfig.get_path("purelib")
    # addsitedir, because an editable installation is a .pth file there
    (own / "shared.pth").write_text(f"import site; site.addsitedir({shared!r})\n")
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(found), "install", "--quiet", "--no-deps",
         "--no-build-isolation", "--no-index", "--disable-pip-version-check",
         str(PLUGINS / "parnet_zoo_example"), str(PLUGINS / "parnet_zoo_broken")],
        check=True,
    )  # fmt: skip
    return found


@pytest.fixture(scope="module")
def command(python: Path) -> Callable[..., Done]:
    """`parnet-zoo` in that environment."""

    def run(folder: Path, *arguments: str) -> Done:
        done = subprocess.run(
            [python, "-c", "from parnet_zoo.cli import main; main()", *arguments],
            cwd=folder, env=user_environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        return Done(folder, done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="module")
def facts(python: Path) -> dict[str, Any]:
    """What `plugins/example_facts.py` finds in that environment."""
    done = subprocess.run(
        [python, PLUGINS / "example_facts.py"],
        env=user_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def test_this_environment_does_not_have_them() -> None:
    assert "example_cnn" not in registry.families()
    assert registry.broken_plugins() == {}


def test_its_networks_are_listed_beside_the_others_and_a_broken_plugin_is_named(
    command: Callable[..., Done], tmp_path: Path
) -> None:
    done = command(tmp_path, "backbones", "list")
    assert done.code == 0
    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert {"example_cnn_s", "example_cnn_m", "parnet_s", "resnet50"} <= set(names)
    assert done.stderr == (
        "warning: plugin 'broken' of parnet-zoo-broken 0.3 is broken: ModuleNotFoundError:"
        " No module named 'module_that_nobody_has'\n"
    )


def test_a_name_that_is_not_found_may_be_the_broken_plugins(
    command: Callable[..., Done], tmp_path: Path
) -> None:
    done = command(tmp_path, "backbones", "show", "exampel_cnn_s")
    assert done.code == 2
    assert "did you mean example_cnn_s" in done.stderr
    assert "plugin 'broken' of parnet-zoo-broken 0.3 is broken" in done.stderr


def test_its_own_fields_are_shown_and_its_costs_counted(
    command: Callable[..., Done], tmp_path: Path
) -> None:
    shown = command(tmp_path, "backbones", "show", "example_cnn_m", "--json").json
    assert shown["spec"]["channels"] == [32, 64, 128, 256]
    assert (shown["family"], shown["stride"], shown["depth"]) == ("example_cnn", 16, 5)
    assert shown["deploy_parameters"] < shown["training_parameters"]


def test_it_is_built_headless_and_with_logits_in_float32(facts: dict[str, Any]) -> None:
    assert facts["class"] == "ExampleCnnSpec"
    assert facts["headless"] == [4, 4, 4, 64]
    assert facts["half"] == ["bfloat16", "float32"]


def test_it_trains_for_a_step_and_loads_as_it_was_saved(facts: dict[str, Any]) -> None:
    assert 1 < facts["loss"] < 5
    assert facts["weights_changed"] == facts["weights"] > 0
    assert facts["loaded_difference"] == 0


def test_its_costs_are_the_built_networks(facts: dict[str, Any]) -> None:
    assert facts["costs"].keys() == {"training", "deploy"}
    for told, built in facts["costs"].values():
        assert told == built


def test_it_folds_itself_into_a_deploy_form_through_the_projects_function(
    facts: dict[str, Any],
) -> None:
    assert "BatchNormalization" not in facts["deploy_layers"]
    assert "Dropout" not in facts["deploy_layers"]
    assert facts["deploy_difference"] < 1e-5
    assert len(facts["levels_difference"]) == 2
    assert max(facts["levels_difference"]) < 1e-5


def test_it_is_scaled_by_its_own_rule(facts: dict[str, Any]) -> None:
    assert facts["wider"] == ["example_cnn_s+w1.5", [24, 48, 96]]
    assert "example_cnn" in facts["families"]


def test_its_stages_can_be_frozen(facts: dict[str, Any]) -> None:
    stages, fewer, told = facts["frozen"]
    assert stages == ["stage_1", "stage_2"]
    assert fewer == told > 0


def test_what_is_wrong_with_a_spec_is_one_sentence_that_names_it(facts: dict[str, Any]) -> None:
    narrower, size, unknown, builder, module, coster, family, name = facts["sentences"]
    assert "no stage has fewer channels than the one before it" in narrower
    assert "20 pixels do not fit; 3 stages take multiples of 8, the nearest is 16" in size
    assert "widht" in unknown
    assert builder == (
        "example_cnn_s: cannot import 'parnet_zoo_example.network:bild':"
        " module 'parnet_zoo_example.network' has no attribute 'bild'"
    )
    assert module == (
        "example_cnn_s: cannot import 'parnet_zoo_exampel.network:build':"
        " No module named 'parnet_zoo_exampel'"
    )
    assert coster == "example_cnn_s: parnet_zoo_example.cost:SpecError returned SpecError, not Cost"
    assert family == (
        "the family 'parnet' is claimed twice: with ParNetSpec by parnet and with ExampleCnnSpec"
        " by user"
    )
    assert name == (
        "'example_cnn_s' is registered twice: by plugin 'example_cnn' of parnet-zoo-example 1.0"
        " and by user"
    )


def test_a_recipe_scales_and_trains_it_and_what_is_served_does_not_need_the_plugin(
    command: Callable[..., Done], tmp_path: Path
) -> None:
    (tmp_path / "example.yaml").write_text(RECIPE)
    trained = command(tmp_path, "train", "example.yaml", "--json")
    assert trained.code == 0, trained.stderr
    assert "network         example_cnn_s+w0.5" in trained.stderr
    assert trained.json["metrics"]["deploy_max_probability_difference"] < 1e-5
    answered = parnet_zoo_command(
        tmp_path, "predict", trained.json["model_uri"], "digits/test/7", "--json"
    )
    assert answered.code == 0, answered.stderr
    assert {answer["label"] for answer in answered.json["predictions"]} <= set("0123456789")


def test_a_recipe_gets_its_own_rules_as_an_answer(
    command: Callable[..., Done], tmp_path: Path
) -> None:
    (tmp_path / "example.yaml").write_text(RECIPE)
    refused = command(tmp_path, "train", "example.yaml", "--image-size", "20")
    assert refused.code == 2
    assert "20 pixels do not fit; 3 stages take multiples of 8" in refused.stderr
    assert "Traceback" not in refused.stderr
