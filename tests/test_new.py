"""`parnet-zoo new`: a recipe that fits the pictures, the machine and the time, and says why."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

import parnet_zoo
from parnet_zoo.cli.app import app
from parnet_zoo.data.folder import scan
from parnet_zoo.errors import DataError, UsageError
from parnet_zoo.machine_memory import MachineMemory
from parnet_zoo.recipe import Recipe, load_recipe
from parnet_zoo.training.drafting.draft import Draft
from parnet_zoo.training.drafting.machine import Machine
from parnet_zoo.training.drafting.mirrored import why_not_mirrored
from parnet_zoo.training.expected_time import ExpectedTime, expected_time
from parnet_zoo.training.machine_speed import MachineSpeed
from parnet_zoo.training.plan import make_plan
from tests.conftest import Done, parnet_zoo_command

Run = Callable[..., Done]

GB = 10**9
SPEED = MachineSpeed(cores=2, core_flops=107e9, free=1.0, precision="mixed_bfloat16")


def a_machine(gigabytes: float = 16, speed: MachineSpeed = SPEED, gpu: bool = False) -> Machine:
    size = int(gigabytes * GB)
    return Machine(MachineMemory(total=size, available=size, reachable=size), speed, gpu)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Machine], None]:
    """An empty current folder on a machine of two quiet cores, 16 GB and no GPU."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    for name in [n for n in os.environ if n.startswith("MLFLOW_")]:
        monkeypatch.delenv(name)

    def be(machine: Machine) -> None:
        monkeypatch.setattr(Machine, "here", classmethod(lambda _cls: machine))
        for module in ("expected_time", "memory"):
            monkeypatch.setattr(f"parnet_zoo.training.{module}.may_have_gpu", lambda: machine.gpu)

    be(a_machine())
    return be


def pictures(
    root: Path, counts: dict[str, int], size: tuple[int, int] = (120, 90), mode: str = "RGB"
) -> Path:
    """A folder with so many pictures of each class; all are links to one file."""
    root.mkdir(parents=True, exist_ok=True)
    one = root.parent / f"{size[0]}x{size[1]}-{mode}.png"
    if not one.exists():
        Image.new(mode, size, 99).save(one)
    for name, count in counts.items():
        folder = root / name
        folder.mkdir(parents=True)
        for number in range(count):
            os.link(one, folder / f"{number}.png")
    return root


def made(root: Path, **options: Any) -> tuple[Recipe, str]:
    """The recipe that is written for a folder, and its text."""
    written = parnet_zoo.new_recipe(root, quiet=True, force=True, **options)
    return load_recipe(written.path).recipe, written.path.read_text(encoding="utf-8")


def comments(text: str) -> str:
    return " ".join(line.strip()[2:] for line in text.splitlines() if line.strip().startswith("# "))


# What is chosen


def test_photographs_get_a_network_resolution_and_epochs_that_fill_the_time(shared: Path) -> None:
    recipe, text = made(shared / "data" / "dogcat", time="1h", name="pets")
    spec = recipe.spec()
    assert spec.name.startswith("parnet_s")
    assert spec.resolution in (96, 128), "the photographs have 144 px on the short side"
    assert 20 <= recipe.epochs <= 33
    assert recipe.augmentation.horizontal_flip
    assert recipe.augmentation.resized_crop is not None
    assert recipe.data.test is None, "there is a folder test"
    assert "2,000 pictures (folder test) are looked at once, at the end" in comments(text)
    assert "half of the pictures have at least 144 px on the short side" in comments(text)
    assert re.search(r"Expected to take about 5\d min on this machine", comments(text))
    assert "Reaches: not run." in text
    longer, _ = made(shared / "data" / "dogcat", time="8h", name="pets")
    assert _multiply_adds(longer) > _multiply_adds(recipe)


def _multiply_adds(recipe: Recipe) -> int:
    return recipe.spec().cost(num_classes=2, form="training").multiply_adds


def test_pictures_of_32_pixels_get_the_small_stem_and_are_seen_whole(tmp_path: Path) -> None:
    root = pictures(tmp_path / "cifar/train", {"airplane": 300, "cat": 300, "ship": 300}, (32, 32))
    recipe, text = made(root.parent)
    assert recipe.model.scaling is not None
    assert recipe.model.scaling.stem == "small"
    assert recipe.spec().resolution == 32
    assert recipe.progressive == ()
    assert recipe.augmentation.resized_crop is None
    assert "the small stem keeps the image's size" in comments(text)


def test_tiny_pictures_are_enlarged_to_what_the_network_needs(tmp_path: Path) -> None:
    recipe, text = made(pictures(tmp_path / "tiny", {"cat": 30, "dog": 30}, (9, 8)))
    assert recipe.spec().resolution == 32
    assert "in smaller images too little would be left for the last stage" in comments(text)


def test_digits_are_not_mirrored_and_grey_pictures_keep_their_grey(tmp_path: Path) -> None:
    root = pictures(tmp_path / "n/train", {str(n): 20 for n in range(10)}, (28, 28), "L")
    recipe, text = made(root.parent)
    assert not recipe.augmentation.horizontal_flip
    assert recipe.augmentation.color_jitter is None
    assert recipe.data.normalization == "unit"
    assert "a mirrored digit or letter is another one" in comments(text)


@pytest.mark.parametrize(
    ("classes", "mirrored"),
    [
        (("cat", "dog"), True),
        (("airplane", "ship", "bright", "leftover_food"), True),
        (("0", "1", "2"), False),
        (("A", "B", "ß"), False),
        (("turnLeft", "turnRight"), False),
        (("hand-left", "hand-right"), False),
        (("counterclockwise", "still"), False),
        (("one", "Two"), False),
        (("digit_0", "digit_1"), False),
        (("n01440764", "n01443537"), True),
    ],
)
def test_mirroring_is_a_matter_of_the_names(classes: tuple[str, ...], mirrored: bool) -> None:
    assert (why_not_mirrored(classes) is None) == mirrored


def test_unbalanced_classes_are_weighted_and_said_with_their_numbers(tmp_path: Path) -> None:
    recipe, text = made(pictures(tmp_path / "u", {"common": 60, "rare": 12}))
    assert recipe.class_weights == "balanced"
    assert re.search(r"common has \d+ training pictures, rare has \d+: all classes", comments(text))
    recipe, _ = made(pictures(tmp_path / "b", {"common": 60, "rare": 50}))
    assert recipe.class_weights is None


def test_ten_pictures_a_class_are_called_few_and_get_a_small_network(tmp_path: Path) -> None:
    recipe, text = made(pictures(tmp_path / "ten/train", {"cat": 10, "dog": 10}).parent)
    assert recipe.model.weights is None
    assert recipe.data.validation == 0.2
    assert recipe.ema is None or recipe.ema < 0.99, "an average must not be older than the training"
    assert "16 training pictures, 8 a class, are few, but no registered version" in comments(text)
    assert _multiply_adds(recipe) < 100e6


def test_splits_that_are_there_are_taken(tmp_path: Path) -> None:
    for split, count in {"train": 12, "val": 4, "test": 3}.items():
        pictures(tmp_path / "pets" / split, {"cat": count, "dog": count})
    recipe, text = made(tmp_path / "pets")
    assert (recipe.data.validation, recipe.data.test) == ("val", None)
    assert "8 pictures (folder val) steer the training" in comments(text)
    assert "6 pictures (folder test) are looked at once" in comments(text)
    shutil.rmtree(tmp_path / "pets/val/dog")
    recipe, _ = made(tmp_path / "pets")
    assert recipe.data.validation == 0.2, "a folder without all classes is not for validation"


def test_an_archive_of_the_folder_gives_the_same_choices(tmp_path: Path) -> None:
    root = pictures(tmp_path / "pets", {"cat": 30, "dog": 30})
    with tarfile.open(tmp_path / "pets.tar", "w", dereference=True) as archive:
        archive.add(root, "pets")
    of_folder, _ = made(root)
    of_archive, _ = made(tmp_path / "pets.tar")
    assert of_archive.name == of_folder.name == "pets"
    assert of_archive.data.root == str(tmp_path / "pets.tar")
    same = {"data": {"root"}}
    assert of_archive.model_dump(exclude=same) == of_folder.model_dump(exclude=same)


def test_where_there_may_be_a_gpu_the_clock_decides(
    here: Callable[[Machine], None], tmp_path: Path
) -> None:
    here(a_machine(gpu=True))
    root = pictures(tmp_path / "pets", {"cat": 30, "dog": 30})
    written = parnet_zoo.new_recipe(root, time="20m", quiet=True)
    recipe = load_recipe(written.path).recipe
    assert recipe.time == "20m"
    assert (written.expected_seconds, written.fits) == (None, None)
    text = comments(written.path.read_text())
    assert "How long it takes shows with the first steps, since there may be a GPU" in text


def test_a_busy_machine_is_told_and_does_not_change_the_recipe(
    here: Callable[[Machine], None], tmp_path: Path
) -> None:
    root = pictures(tmp_path / "pets", {"cat": 30, "dog": 30})
    quiet, text = made(root)
    assert "was free when" not in text
    here(a_machine(speed=replace(SPEED, free=0.25)))
    busy, text = made(root)
    assert busy == quiet
    assert "Only 25% of the processor was free when this was written" in comments(text)


def test_what_does_not_fit_into_the_time_is_said(tmp_path: Path) -> None:
    root = pictures(tmp_path / "many", {"cat": 400, "dog": 400})
    written = parnet_zoo.new_recipe(root, time="10s", quiet=True)
    assert written.fits is False
    assert load_recipe(written.path).recipe.epochs == 1
    text = comments(written.path.read_text())
    assert "not even one fits into 10s" in text
    assert "That does not fit into 10s" in text


FOLDERS = st.fixed_dictionaries(
    {
        "counts": st.lists(st.integers(5, 60), min_size=2, max_size=5),
        "size": st.tuples(
            st.sampled_from([8, 28, 32, 60, 150, 700]), st.sampled_from([32, 90, 400])
        ),
        "mode": st.sampled_from(["RGB", "L", "RGBA", "P"]),
        "time": st.sampled_from(["20s", "1m", "30m", "10h"]),
        "gigabytes": st.sampled_from([2.4, 3, 4, 64]),
        "gflops": st.sampled_from([5, 50, 400]),
    }
)


@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(case=FOLDERS)
def test_any_recipe_loads_fits_the_memory_and_keeps_to_the_time_or_says_so(
    here: Callable[[Machine], None], tmp_path: Path, case: dict[str, Any]
) -> None:
    machine = a_machine(case["gigabytes"], replace(SPEED, core_flops=case["gflops"] * 1e9))
    here(machine)
    shutil.rmtree(tmp_path / "any", ignore_errors=True)
    classes = {f"class {number}": count for number, count in enumerate(case["counts"])}
    root = pictures(tmp_path / "any", classes, case["size"], case["mode"])
    recipe, text = made(root, time=case["time"])
    assert {len(line) <= 100 for line in text.splitlines()} == {True}

    folder = scan(root, validation=recipe.data.validation, test=recipe.data.test, seed=recipe.seed)
    plan = replace(make_plan(recipe, Path("any.yaml"), folder, "store"), machine=machine.memory)
    assert plan.misfit is None
    assert not any("warning" in line for line in plan.lines())
    expected = expected_time(
        recipe, plan.cost, classes=len(classes), train=len(folder.train),
        validation=len(folder.validation), test=len(folder.test or ()), speed=machine.speed,
    )  # fmt: skip
    assert isinstance(expected, ExpectedTime)
    budget = {"20s": 20, "1m": 60, "30m": 1800, "10h": 36_000}[case["time"]]
    assert expected.seconds <= budget or f"That does not fit into {case['time']}" in comments(text)


# How it is written


def test_a_reason_stands_above_its_field_and_cannot_leave_its_comment() -> None:
    draft = Draft()
    draft.choose("name", "pets")
    draft.choose("epochs", 3, "b\nepochs: 9\u2028epochs: 8\x85epochs: 7 " + "word " * 40)
    draft.choose("data.root", "a: ${HOME} #b")
    draft.choose("model.name", "parnet_test", "small")
    text = draft.text(["pets", "  parnet-zoo train x", "long " * 40])
    Path("x.yaml").write_text(text, encoding="utf-8")
    recipe = load_recipe("x.yaml").recipe
    assert (recipe.epochs, recipe.data.root) == (3, "a: ${HOME} #b")
    assert "  # small\n  name: parnet_test\n" in text
    assert "#   parnet-zoo train x\n" in text
    assert max(map(len, text.splitlines())) <= 100


def test_names_of_classes_and_folders_are_only_text(tmp_path: Path) -> None:
    root = pictures(tmp_path / "it's ${HOME}: #1", {"a: b #c": 9, "[x]\u00a0{y}": 30})
    recipe, text = made(root, out="out.yaml")
    assert recipe.data_root == root
    assert recipe.name == "it-s-HOME-1"
    assert "[x]" in comments(text)


def test_a_file_that_is_there_stays_unless_it_is_forced(tmp_path: Path) -> None:
    root = pictures(tmp_path / "pets", {"cat": 9, "dog": 9})
    (tmp_path / "pets.yaml").write_text("mine")
    with pytest.raises(UsageError, match=r"pets\.yaml is there already; take another name, or"):
        parnet_zoo.new_recipe(root, quiet=True)
    assert (tmp_path / "pets.yaml").read_text() == "mine"
    parnet_zoo.new_recipe(root, quiet=True, force=True)
    assert load_recipe("pets.yaml").recipe.name == "pets"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "120x90-RGB.png",
        "pets",
        "pets.yaml",
    ]


def test_a_recipe_that_is_not_put_in_place_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = pictures(tmp_path / "pets", {"cat": 9, "dog": 9})

    def full(_file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(UsageError, match=r"pets\.yaml cannot be written: No space left on device"):
        parnet_zoo.new_recipe(root, quiet=True)
    assert not list(tmp_path.glob("*pets*y*"))


# What goes wrong


def refused(*arguments: str) -> tuple[int, str]:
    """Exit code and message; nothing may be written, and nothing printed on standard output."""
    before = sorted(Path().iterdir())
    done = CliRunner().invoke(app, ["new", "--quiet", *arguments])
    assert done.stdout == ""
    assert sorted(Path().iterdir()) == before
    return done.exit_code, done.stderr.rstrip("\n")


def test_pictures_that_are_missing_or_unusable_are_told(tmp_path: Path) -> None:
    code, message = refused("--data", "nothing")
    assert (code, message.splitlines()[0]) == (
        3,
        "there is no folder nothing; expected is one folder for each class, at least two classes:",
    )
    pictures(tmp_path / "lonely/train", {"cat": 9})
    code, message = refused("--data", "lonely")
    assert code == 3
    assert "one class only, cat; a classifier needs at least two" in message
    for name in ("cat", "dog"):
        (tmp_path / "broken/train" / name).mkdir(parents=True)
        for number in range(4):
            (tmp_path / "broken/train" / name / f"{number}.jpg").write_bytes(b"no picture")
    code, message = refused("--data", "broken")
    assert code == 3
    assert message.startswith("none of 6 pictures in broken can be read, such as broken/train/cat/")


def test_what_cannot_be_read_is_counted(tmp_path: Path) -> None:
    root = pictures(tmp_path / "pets", {"cat": 20, "dog": 20})
    for number in range(3):
        (root / "cat" / f"bad{number}.jpg").write_bytes(b"no picture")
    _, text = made(root)
    assert re.search(r"[123] of \d+ pictures that were looked into cannot be read", comments(text))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--time", "soon"], "--time soon: it must be a time such as 30m, 2h, 1h30m or 90s"),
        (["--name", "a/b"], "--name a/b: it must be a name of letters, digits, '_', '-' and '.'"),
        (["--out", "pets.txt"], "pets.txt: a recipe's name ends in .yaml"),
        (["--out", "no/p.yaml"], "no/p.yaml cannot be written: there is no folder no"),
        (["--out", "dir.yaml"], "dir.yaml is a folder; name a file in it"),
        (["--from", "runs:/0a1b"], "--from runs:/0a1b: it must be a registered version, models:/"),
        (["--from", "https:/x/y"], "--from https:/x/y: it is no address of weights; those are"),
    ],
)
def test_a_wrong_argument_is_one_sentence(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    pictures(tmp_path / "pets", {"cat": 9, "dog": 9})
    (tmp_path / "dir.yaml").mkdir()
    code, told = refused("--data", "pets", *arguments)
    assert code == 2
    assert told.startswith(message)
    assert "\n" not in told


def test_a_version_to_go_on_from_needs_a_store(tmp_path: Path) -> None:
    pictures(tmp_path / "pets", {"cat": 9, "dog": 9})
    code, told = refused("--data", "pets", "--from", "models:/digits@champion")
    assert code == 4
    assert told.startswith("cannot get models:/digits@champion: there is no MLflow store ")


def test_a_folder_that_no_recipe_can_name_is_refused() -> None:
    with pytest.raises((UsageError, DataError), match=r"a\\nb"):
        parnet_zoo.new_recipe("a\nb", quiet=True)


# Through the command line


def test_it_prints_the_command_alone_and_tells_the_rest(parnet_zoo_in: Run, tmp_path: Path) -> None:
    pictures(tmp_path / "my pets/train", {"cat": 12, "dog": 12})
    done = parnet_zoo_in("new", "--data", "my pets", "--out", "a recipe.yaml")
    assert (done.code, done.stdout) == (0, "parnet-zoo train 'a recipe.yaml'\n"), done.stderr
    assert "looking at my pets\n" in done.stderr
    assert "  model.weights     random: " in done.stderr
    recipe = load_recipe(tmp_path / "a recipe.yaml").recipe
    assert (recipe.name, recipe.data.root) == ("my-pets", "my pets")
    text = (tmp_path / "a recipe.yaml").read_text()
    assert text.splitlines()[2] == "#   parnet-zoo train 'a recipe.yaml'"


def test_as_json_every_choice_has_its_reason() -> None:
    pictures(Path("pets").absolute(), {"cat": 12, "dog": 12})
    done = CliRunner().invoke(app, ["new", "--data", "pets", "--json"])
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert (answer["path"], answer["command"]) == ("pets.yaml", "parnet-zoo train pets.yaml")
    assert answer["fits"] is True
    assert 0 < answer["expected_seconds"] < 3600
    chosen = {choice["field"]: choice for choice in answer["choices"]}
    assert chosen["epochs"]["value"] == load_recipe("pets.yaml").recipe.epochs
    assert all(chosen[name]["why"] for name in ("epochs", "batch_size", "model.name"))


def test_no_framework_is_loaded_and_no_store_made(tmp_path: Path) -> None:
    pictures(tmp_path / "pets", {"cat": 9, "dog": 9})
    code = (
        "import sys, parnet_zoo; parnet_zoo.new_recipe('pets', quiet=True);"
        "from parnet_zoo.training.machine_speed import machine_speed as measured;"
        "assert measured() is measured(), 'once a process';"
        "assert not {'tensorflow', 'keras', 'mlflow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert not (tmp_path / "mlflow.db").exists()


# To the end


@pytest.mark.slow
def test_what_was_written_trains_to_the_end(parnet_zoo_in: Run, shared: Path) -> None:
    data = shared / "data" / "dogcat"
    written = parnet_zoo_in("new", "--data", str(data), "--name", "pets", "--time", "5m", "--json")
    assert written.code == 0, written.stderr
    done = parnet_zoo_in("train", "pets.yaml", "--epochs", "1", "--set", "data.limit=32", "--json")
    assert done.code == 0, done.stderr
    assert done.json["model_name"] == "pets"
    assert "expected finish about" in done.stderr


@pytest.mark.slow
def test_few_pictures_go_on_from_a_registered_version(quickstart: Done, tmp_path: Path) -> None:
    shutil.copytree(quickstart.folder, tmp_path, dirs_exist_ok=True)
    pictures(tmp_path / "signs/train", {"cat": 8, "dog": 8}, (40, 36), "L")
    written = parnet_zoo_command(tmp_path, "new", "--data", "signs", "--time", "2m")
    assert written.code == 0, written.stderr
    recipe = load_recipe(tmp_path / "signs.yaml").recipe
    assert recipe.model.weights == "models:/digits@champion"
    assert (recipe.spec().resolution, recipe.data.normalization) == (32, "unit")
    assert recipe.schedule.head_epochs == 1
    assert "what models:/digits@champion has learnt" in comments(
        (tmp_path / "signs.yaml").read_text()
    )
    done = parnet_zoo_command(tmp_path, "train", "signs.yaml", "--epochs", "2", "--json")
    assert done.code == 0, done.stderr
    large = pictures(tmp_path / "large", {"cat": 8, "dog": 8}, (400, 300))
    assert parnet_zoo_command(tmp_path, "new", "--data", str(large)).code == 0
    text = comments((tmp_path / "large.yaml").read_text())
    assert "no registered version has seen pictures of this size" in text
    asked = parnet_zoo_command(
        tmp_path, "new", "--data", str(large), "--out", "b.yaml", "--from", "models:/digits/1"
    )
    assert asked.code == 0, asked.stderr
    assert load_recipe(tmp_path / "b.yaml").recipe.model.weights == "models:/digits/1"
    gone = parnet_zoo_command(
        tmp_path, "new", "--data", str(large), "--out", "c.yaml", "--from", "models:/digits/9"
    )
    assert gone.code == 4
    assert "digits" in gone.stderr
    assert not (tmp_path / "c.yaml").exists()
