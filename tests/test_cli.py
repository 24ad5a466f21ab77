"""The command line: help, exit codes, and errors before anything heavy is loaded."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import Done

Run = Callable[..., Done]

RECIPE = """\
name: pets
epochs: 1
model:
  name: parnet_test
  resolution: 64
data:
  root: pets
"""


def write_pictures(root: Path, counts: dict[str, int], size: int = 20) -> None:
    for folder, count in counts.items():
        (root / folder).mkdir(parents=True)
        for number in range(count):
            colour = (number * 7 % 256, len(Path(folder).name) * 30 % 256, 99)
            Image.new("RGB", (size, size), colour).save(root / folder / f"{number}.png")


def test_help_names_the_commands_and_the_exit_codes(parnet_zoo_in: Run) -> None:
    done = parnet_zoo_in("--help")
    assert done.code == 0
    assert all(
        word in done.stdout for word in ("train", "predict", "recipes", "backbones", "Exit codes")
    )


def test_version_is_the_installed_one(parnet_zoo_in: Run) -> None:
    from importlib.metadata import version

    assert parnet_zoo_in("--version").stdout.strip() == version("parnet-zoo")


def test_backbones_are_listed_smallest_first_with_size_and_source(parnet_zoo_in: Run) -> None:
    done = parnet_zoo_in("backbones", "list")
    head, *rows, _note = done.stdout.splitlines()
    assert head.split()[:4] == ["name", "parameters", "multiply-adds", "resolution"]
    names = [row.split()[0] for row in rows]
    assert names[:5] == ["parnet_s_release", "parnet_s", "parnet_m", "parnet_l", "parnet_xl"]
    assert "parnet_test" not in names
    assert "19.18 M" in rows[1]
    assert "4.84 G" in rows[1]
    assert "96,192,384,1280" in rows[1]
    assert "75.19" in rows[1]
    assert "Non-deep Networks" in rows[1]


def test_every_family_is_listed_and_what_is_not_known_is_a_dash(parnet_zoo_in: Run) -> None:
    done = parnet_zoo_in("backbones", "list", "--all")
    head, *rows, note = done.stdout.splitlines()
    assert {row.split()[0] for row in rows} >= {"parnet_test", "parnet_blog_s", "resnet50"}
    assert len({row.find("  ", head.index("source")) for row in rows}) == 1  # columns line up
    assert rows[-1].split()[:6] == ["resnet50", "-", "-", "224", "-", "-"]
    assert "in deploy form where the family has one; - where only building it would tell" in note


def test_show_says_in_one_sentence_what_a_family_cannot_do(parnet_zoo_in: Run) -> None:
    shown = parnet_zoo_in("backbones", "show", "resnet50")
    [sentence] = [line for line in shown.stdout.splitlines() if line.startswith("limits: ")]
    assert all(word in sentence for word in ("no deploy form", "cost", "scal"))
    assert "limits" not in parnet_zoo_in("backbones", "show", "parnet_s").stdout


def test_backbones_as_json(parnet_zoo_in: Run) -> None:
    rows = parnet_zoo_in("backbones", "list", "--json", "parnet_x*").json["backbones"]
    assert [row["name"] for row in rows] == ["parnet_xl"]
    assert rows[0]["training_parameters"] == 93_176_168
    shown = parnet_zoo_in("backbones", "show", "parnet_xl", "--json").json
    assert shown["spec"]["scaling"]["channels"] == [200, 400, 800]


def test_an_unknown_backbone_exits_with_2_and_a_suggestion(parnet_zoo_in: Run) -> None:
    done = parnet_zoo_in("backbones", "show", "parnet_xxl")
    assert (done.code, done.stdout) == (2, "")
    assert "did you mean parnet_xl" in done.stderr


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_pattern_without_matches_exits_with_2(
    parnet_zoo_in: Run, options: tuple[str, ...]
) -> None:
    done = parnet_zoo_in("backbones", "list", "zz*", *options)
    assert (done.code, done.stdout, done.stderr) == (2, "", "no backbone matches 'zz*'\n")


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ("optimizer:\n  learnig_rate: 1e-3\n",
         "pets.yaml:9:3 optimizer.learnig_rate: unknown key; did you mean learning_rate?"),
        ("seed: [1]\n", "pets.yaml:8:7 seed: "),
    ],
)  # fmt: skip
def test_a_wrong_recipe_exits_with_2_and_one_line(
    parnet_zoo_in: Run, tmp_path: Path, change: str, line: str
) -> None:
    (tmp_path / "pets.yaml").write_text(RECIPE + change)
    done = parnet_zoo_in("train", "pets.yaml")
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr.startswith(line)
    assert len(done.stderr.splitlines()) == 1


def test_a_resolution_that_the_network_cannot_take_is_a_recipe_error(
    parnet_zoo_in: Run, tmp_path: Path
) -> None:
    (tmp_path / "pets.yaml").write_text(RECIPE.replace("64", "100"))
    done = parnet_zoo_in("train", "pets.yaml")
    assert done.code == 2
    assert "pets.yaml:5:15 model.resolution: 100 pixels do not fit" in done.stderr
    assert "96 and 128" in done.stderr


def test_missing_data_exits_with_3_and_says_what_is_expected(parnet_zoo_in: Run) -> None:
    done = parnet_zoo_in("train", "dogcat")
    assert (done.code, done.stdout) == (3, "")
    assert "datasets/dogcat/train/CLASS/*.jpg" in done.stderr
    assert "Traceback" not in done.stderr
    assert "nowhere" in parnet_zoo_in("train", "dogcat", "--data", "nowhere").stderr


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({"train/cat": 3}, "one class only, cat"),
        ({"train/cat": 3, "train/dog": 0}, "no image in pets/train/dog"),
        ({"train/cat": 3, "train/dog": 3, "test/cat": 1}, "differ (only in train: dog)"),
    ],
)
def test_a_folder_that_cannot_be_learned_from_exits_with_3(
    parnet_zoo_in: Run, tmp_path: Path, counts: dict[str, int], words: str
) -> None:
    (tmp_path / "pets.yaml").write_text(RECIPE)
    write_pictures(tmp_path / "pets", counts)
    done = parnet_zoo_in("train", "pets.yaml")
    assert done.code == 3
    assert words in done.stderr
    assert not (tmp_path / "mlflow.db").exists()


def test_an_unknown_version_exits_with_4(parnet_zoo_in: Run) -> None:
    done = parnet_zoo_in("predict", "models:/nothing/1", "x.png")
    assert (done.code, done.stdout) == (4, "")
    assert len(done.stderr.splitlines()) == 1
    assert "there is no MLflow store" in done.stderr


@pytest.mark.parametrize("module", ["parnet_zoo.cli.app", "registry", "typer", "pydantic"])
def test_ctrl_c_at_any_time_of_the_start_is_a_word_and_130(module: str) -> None:
    """The signal arrives while a module is imported."""
    code = (
        "import os, signal, sys\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == {module!r}:\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupting())\n"
        "from parnet_zoo.cli import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "backbones", "list"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")


@pytest.mark.slow
def test_the_quickstart_prints_one_json_object_and_nothing_of_the_libraries(
    quickstart: Done,
) -> None:
    assert set(quickstart.json) >= {
        "run_id", "experiment", "model_uri", "model_name", "model_version", "metrics", "seconds",
    }  # fmt: skip
    assert json.loads(quickstart.stdout.splitlines()[0]) == quickstart.json
    plan, after = quickstart.stderr.split("loading TensorFlow")
    assert plan.startswith("recipe          ")
    assert "\ntracking store  sqlite:///" in plan
    assert "experiment digits, registered model digits" in plan
    for words in ("10 classes", "train ", "validation ", "test ", "parameters", "multiply-adds"):
        assert words in plan
    assert "memory          about" in plan
    assert "expected finish: " in after
    for noise in ("WARNING", "Warning", "oneDNN", "cuda", "I0000", "INFO", "alembic", "http"):
        assert noise not in quickstart.stderr


@pytest.mark.parametrize("flag", ["--image-size 100", "--epochs 0", "--model parnet_q"])
def test_a_wrong_flag_is_named_as_it_was_typed(parnet_zoo_in: Run, flag: str) -> None:
    done = parnet_zoo_in("train", "dogcat", *flag.split())
    assert done.code == 2
    assert done.stderr.startswith(f"{flag} ")


def test_missing_data_says_which_line_of_the_recipe_named_it(
    parnet_zoo_in: Run, tmp_path: Path
) -> None:
    (tmp_path / "pets.yaml").write_text(RECIPE)
    done = parnet_zoo_in("train", "pets.yaml")
    assert done.code == 3
    assert "pets.yaml:7:9 data.root names it; --data gives another folder" in done.stderr
