"""Recipes that extend others: what the whole is, and in which file a mistake is reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from parnet_zoo.recipe import Recipe, RecipeError, load_recipe, shipped_recipes

BASE = """\
name: pets
epochs: 20
model:
  name: parnet_s
  resolution: 96
  scaling: {width: 0.5}
  weights: start.keras
augmentation:
  rotation: 10
  brightness: [0.7, 1.3]
schedule:
  name: cosine
  warmup_epochs: 2
early_stopping: {patience: 5}
class_weights: {cat: 2}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base.yaml").write_text(BASE)
    return tmp_path


def child(text: str, name: str = "child.yaml", base: str = "base.yaml") -> Recipe:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(f"extends: {base}\n{text}")
    return load_recipe(name).recipe


def errors(text: str, base: str = "base.yaml", *settings: str) -> list[str]:
    Path("child.yaml").write_text(f"extends: {base}\n{text}")
    with pytest.raises(RecipeError) as caught:
        load_recipe("child.yaml", settings)
    return str(caught.value).split("\n")


# --- what the whole is


def test_a_recipe_that_says_nothing_else_is_its_base(folder: Path) -> None:
    assert child("") == load_recipe("base.yaml").recipe


def test_sections_are_merged_key_by_key_and_values_replaced(folder: Path) -> None:
    recipe = child(
        "name: cats\n"
        "augmentation: {brightness: [0.5, 2], zoom: 0.1}\n"
        "early_stopping: {monitor: val_accuracy}\n"
        "class_weights: {dog: 3}\n"
    )
    assert (recipe.name, recipe.epochs) == ("cats", 20)
    assert (recipe.augmentation.rotation, recipe.augmentation.zoom) == (10, 0.1)
    assert recipe.augmentation.brightness == (0.5, 2)
    assert recipe.early_stopping is not None
    assert recipe.early_stopping.patience == 5
    assert recipe.class_weights == {"dog": 3}  # a value, not a section with keys of its own


def test_null_takes_away_what_the_base_has(folder: Path) -> None:
    recipe = child("early_stopping: null\naugmentation: {brightness: null}\n")
    assert (recipe.early_stopping, recipe.augmentation.brightness) == (None, None)
    assert recipe.augmentation.rotation == 10


def test_an_empty_section_changes_nothing_of_the_base(folder: Path) -> None:
    assert child("early_stopping: {}\n") == load_recipe("base.yaml").recipe


@pytest.mark.parametrize("network", ["name: parnet_m", "spec: {base: parnet_m}"])
def test_another_network_takes_the_place_of_the_bases_and_of_its_scaling(
    folder: Path, network: str
) -> None:
    recipe = child(f"model: {{{network}}}\n")
    assert recipe.spec().name == "parnet_m+r96"
    assert recipe.model.weights == "start.keras"
    scaled = child(f"model: {{{network}, scaling: {{width: 2}}}}\n")
    assert scaled.spec().name == "parnet_m+w2+r96"


def test_a_registered_network_takes_the_place_of_a_spec(folder: Path) -> None:
    Path("mine.yaml").write_text(BASE.replace("name: parnet_s", "spec: {base: parnet_l}"))
    assert child("model: {name: parnet_m}\n", base="mine.yaml").spec().name == "parnet_m+r96"
    assert child("model: {resolution: 64}\n", base="mine.yaml").spec().name == "parnet_l+w0.5+r64"


def test_the_scaling_of_the_bases_network_can_be_changed_alone(folder: Path) -> None:
    assert child("model: {scaling: {width: 0.25}}\n").spec().name == "parnet_s+w0.25+r96"


def test_shipped_recipes_can_be_extended_by_name(folder: Path) -> None:
    recipe = child("epochs: 3\n", base="dogcat")
    assert recipe == load_recipe("dogcat", epochs=3).recipe


def test_paths_are_looked_for_beside_the_file_they_stand_in(folder: Path) -> None:
    Path("nets").mkdir()
    Path("nets/net.yaml").write_text("base: parnet_m\n")
    Path("nets/base.yaml").write_text(
        BASE.replace("name: parnet_s", "spec: net.yaml").replace("scaling: {width: 0.5}\n", "\n")
    )
    assert child("", "deep/x.yaml", "../nets/base.yaml").spec().name == "parnet_m+r96"
    Path("deep/own.yaml").write_text("base: parnet_l\n")
    assert child("model: {spec: own.yaml}\n", "deep/x.yaml", "../nets/base.yaml").spec().name == (
        "parnet_l+r96"
    )


def test_overrides_apply_to_the_whole(folder: Path) -> None:
    child("epochs: 30\n")
    loaded = load_recipe("child.yaml", ["augmentation.brightness.1=1.5"], epochs=7)
    assert (loaded.recipe.epochs, loaded.recipe.augmentation.brightness) == (7, (0.7, 1.5))
    assert loaded.files == (Path("child.yaml"), Path("base.yaml"))
    assert loaded.where("augmentation.rotation") == "base.yaml:9:13 augmentation.rotation"


def test_several_levels_are_read_from_the_lowest_up(folder: Path) -> None:
    for number in range(1, 20):
        below = f"level{number - 1}.yaml" if number > 1 else "base.yaml"
        Path(f"level{number}.yaml").write_text(f"extends: {below}\nseed: {number}\n")
    loaded = load_recipe("level19.yaml")
    assert (loaded.recipe.seed, loaded.recipe.epochs, len(loaded.files)) == (19, 20, 20)
    assert errors("", "level19.yaml") == [
        "level1.yaml:1:10 extends: more than 20 files extend each other, from child.yaml on; use"
        " fewer"
    ]


def test_what_is_written_out_needs_no_other_file(folder: Path) -> None:
    Path("net.yaml").write_text("base: parnet_m\n")
    recipe = child("model: {spec: net.yaml}\ndescription: $${HOME}\n")
    written = Path("elsewhere") / "resolved.yaml"
    written.parent.mkdir()
    written.write_text(recipe.to_yaml())
    for path in folder.glob("*.yaml"):
        path.unlink()
    loaded = load_recipe(written)
    assert loaded.recipe == recipe
    assert loaded.recipe.description == "${HOME}"
    assert loaded.files == (written,)


# --- mistakes


def test_a_mistake_is_reported_in_the_file_that_it_stands_in(folder: Path) -> None:
    Path("base.yaml").write_text(BASE.replace("rotation", "rotatoin"))
    assert errors("sed: 3\nepochs: many\n") == [
        "base.yaml:9:3 augmentation.rotatoin: unknown key; did you mean rotation?",
        "child.yaml:2:1 sed: unknown key; did you mean seed?",
        'child.yaml:3:9 epochs: the text "many" does not fit; it must be a whole number from 1 to'
        " 100000",
    ]  # fmt: skip


def test_what_contradicts_the_base_is_the_childs_mistake(folder: Path) -> None:
    assert errors("epochs: 1\nmodel: {resolution: 100}\n") == [
        "child.yaml:2:9 epochs: schedule.warmup_epochs: a warm-up of 2 epochs does not fit into a"
        " training of 1; it must be shorter",
        "child.yaml:3:21 model.resolution: 100 pixels do not fit; this network takes multiples of"
        " 32, the nearest are 96 and 128",
    ]
    assert errors("schedule: {warmup_epochs: 30}\n") == [
        "child.yaml:2:27 schedule.warmup_epochs: a warm-up of 30 epochs does not fit into a"
        " training of 20; it must be shorter"
    ]
    assert errors("schedule: {name: exponential}\n") == [
        "child.yaml:2:1 schedule.decay: the exponential schedule needs it; for example 0.95"
    ]


def test_a_mistake_of_the_base_that_the_child_mends_is_none(folder: Path) -> None:
    Path("base.yaml").write_text(BASE.replace("epochs: 20", "epochs: many"))
    assert child("epochs: 20\n").epochs == 20


def test_a_mistake_in_a_bases_spec_file_is_reported_there(folder: Path) -> None:
    Path("net.yaml").write_text("base: parnet_m\nscaling: {widht: 2}\n")
    Path("base.yaml").write_text(BASE.replace("name: parnet_s", "spec: net.yaml"))
    [line] = errors("")
    assert line.startswith("net.yaml:2:11 scaling.widht: parnet has no such setting")
    assert errors("model: {spec: nowhere.yaml}\n") == [
        "child.yaml:2:15 model.spec: nowhere.yaml: there is no such file"
    ]


def test_a_circle_is_named_with_all_of_its_files(folder: Path) -> None:
    Path("a.yaml").write_text("extends: b.yaml\n")
    Path("b.yaml").write_text("seed: 1\nextends: ./child.yaml\n")
    assert errors("", "a.yaml") == [
        "b.yaml:2:10 extends: the recipes extend each other in a circle: child.yaml -> a.yaml ->"
        " b.yaml -> child.yaml; one must extend none"
    ]
    assert errors("", "child.yaml") == [
        "child.yaml:1:10 extends: the recipes extend each other in a circle: child.yaml ->"
        " child.yaml; one must extend none"
    ]


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ("nowhere/base.yaml", "nowhere/base.yaml: there is no such file"),
        ("dogact", "dogact: there is no such file, and no shipped recipe of that name; did you mean"
         " dogcat? shipped recipes: "),
        ('"a\\0b/x.yaml"', r"a\x00b/x.yaml: cannot be read: embedded null byte"),
        ("n" * 5000 + "/x", "..." + "n" * 298 + "/x: cannot be read: File name too long"),
        ("/dev/zero", "/dev/zero: is not a regular file; give a recipe file in YAML"),
        (".", ".: is a folder; give a recipe file in YAML"),
        ("[base.yaml]", "a list of 1 does not fit; it must be a path beside the recipe, or the name"
         " of a shipped recipe, or null"),
        ("12", "the number 12 does not fit; it must be a path"),
        ("empty.yaml", "the file is empty; a recipe needs at least"),
        ("net.yaml", "this is a network's spec, not a recipe; use parnet-zoo train RECIPE --model"
         " net.yaml"),
    ],
)  # fmt: skip
def test_a_base_that_cannot_be_had_is_one_mistake_beside_the_files_own(
    folder: Path, base: str, message: str
) -> None:
    Path("empty.yaml").write_text("")
    Path("net.yaml").write_text("base: parnet_m\n")
    # What the base would have said is not known, so nothing is missing and nothing contradicts it.
    lines = errors("sed: 3\nschedule: {decay: 0.9}\n", base)
    assert len(lines) == 2
    place = {"empty.yaml": "empty.yaml:1:1: ", "net.yaml": "net.yaml:1:1: "}
    [about_the_base] = [line for line in lines if "sed" not in line]
    assert about_the_base.startswith(place.get(base, "child.yaml:1:10 extends: ") + message)
    assert "child.yaml:2:1 sed: unknown key; did you mean seed?" in lines


def test_a_base_that_is_no_yaml_is_reported_at_its_line(folder: Path) -> None:
    Path("base.yaml").write_text("name: a: b\n")
    assert errors("epochs: 3\n") == [
        "base.yaml:1:8: not valid YAML: mapping values are not allowed here"
    ]


def test_mistakes_in_the_form_of_any_file_are_reported(folder: Path) -> None:
    Path("base.yaml").write_text(BASE + "seed: *x\nema: !y 0.9\n")
    lines = errors("seed: 2\nseed: 3\n")
    assert [line.split(": ")[0] for line in lines] == [
        "base.yaml:16:7 seed", "base.yaml:17:6 ema", "child.yaml:3:1 seed"
    ]  # fmt: skip


@pytest.mark.parametrize("setting", ["extends=dogcat", "extend=dogcat"])
def test_a_base_cannot_be_set_from_outside(folder: Path, setting: str) -> None:
    [line] = errors("", "base.yaml", setting)
    assert line.startswith(f"--set {setting.partition('=')[0]}: ")
    with pytest.raises(RecipeError, match="only stands in its file"):
        load_recipe("base.yaml", extends="dogcat")


# --- the version of the format


def test_a_recipe_of_a_later_version_is_refused_before_all_else(folder: Path) -> None:
    Path("new.yaml").write_text("colour: blue\nversion: 2\nepochs: many\nname: &x y\n")
    with pytest.raises(RecipeError) as caught:
        load_recipe("new.yaml", ["sed=1"])
    sentence = (
        "new.yaml:2:10 version: this recipe is written in version 2 of the format, and this package"
        " reads up to version 1; upgrade it with: pip install --upgrade parnet-zoo"
    )
    assert str(caught.value) == sentence
    assert errors("sed: 3\n", "new.yaml") == [sentence]


@pytest.mark.parametrize("version", ["0", "'1'", "1.5", "1.0", "true", "one", "null"])
def test_what_is_no_version_is_a_mistake_like_any(folder: Path, version: str) -> None:
    [line] = errors(f"version: {version}\n")
    assert line.startswith("child.yaml:2:10 version: ")
    assert "does not fit" in line
    assert line.endswith("it must be 1")


def test_no_version_means_the_first() -> None:
    assert {load_recipe(name).recipe.version for name in shipped_recipes()} == {1}
