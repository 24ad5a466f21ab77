"""How a recipe is found, changed for one run, and asked."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from parnet_zoo.recipe import Recipe, RecipeError, load_recipe, shipped_recipes

REPOSITORY = Path(__file__).resolve().parent.parent

SMALLEST = """\
name: pets
epochs: 20
model:
  name: parnet_s
"""


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    path = tmp_path / "pets.yaml"
    path.write_text(SMALLEST)
    return path


def test_everything_but_name_epochs_and_network_has_a_default(pets: Path) -> None:
    recipe = load_recipe(pets).recipe
    assert (recipe.batch_size, recipe.seed, recipe.deterministic) == (32, 0, False)
    assert recipe.augmentation.model_dump(exclude={"fill"}) == {
        "rotation": 0.0,
        "width_shift": 0.0,
        "height_shift": 0.0,
        "shear": 0.0,
        "zoom": 0.0,
        "horizontal_flip": False,
        "brightness": None,
        "resized_crop": None,
        "color_jitter": None,
        "randaugment": None,
        "erasing": None,
        "mixing": None,
    }
    assert recipe.data.validation == 0.1
    assert (recipe.early_stopping, recipe.checkpoints, recipe.ema) == (None, None, None)
    assert recipe.data_root == Path("datasets/pets")
    assert (recipe.experiment, recipe.registered_name) == ("pets", "pets")
    assert recipe.spec().name == "parnet_s"


def test_a_whole_number_does_where_a_fraction_is_asked_for(pets: Path) -> None:
    recipe = load_recipe(
        pets, ["augmentation.rotation=50", "augmentation.brightness=[1, 2]"]
    ).recipe
    assert repr(recipe.augmentation.rotation) == "50.0"
    assert repr(recipe.augmentation.brightness) == "(1.0, 2.0)"


@pytest.mark.parametrize(
    ("setting", "field", "value"),
    [
        ("optimizer.learning_rate=5e-4", "optimizer.learning_rate", 5e-4),
        ("deterministic=true", "deterministic", True),
        ("data.validation=test", "data.validation", "test"),
        ("data.validation=0.25", "data.validation", 0.25),
        ("data.root=null", "data.root", None),
        ("data.root=", "data.root", None),
        ('data.root="null"', "data.root", "null"),
        (" data.root = my photos ", "data.root", "my photos"),
        ("description=a: b = c # d", "description", "a: b = c # d"),
        ("early_stopping.patience=3", "early_stopping.patience", 3),
        ("early_stopping={}", "early_stopping.patience", 10),
        ("early_stopping={patience: 4}", "early_stopping.patience", 4),
        ("model.scaling.channels=[24, 48]", "model.scaling.channels", "[24, 48]"),
        ("model={resolution: 64}", "model.name", "parnet_s"),
        ("class_weights={cat: 2}", "class_weights.cat", 2.0),
        ("class_weights.cat=2", "class_weights.cat", 2.0),
        (
            "progressive=[{until: 0.5, resolution: 64}]",
            "progressive",
            '[{"until": 0.5, "resolution": 64}]',
        ),
        ("description=${HOME}", "description", "${HOME}"),
    ],
)
def test_any_field_can_be_set_from_outside_with_its_type(
    pets: Path, setting: str, field: str, value: Any
) -> None:
    flat = load_recipe(pets, [setting]).recipe.flattened()
    assert flat[field] == value
    assert type(flat[field]) is type(value)


@pytest.mark.parametrize("path", ["progressive.1.resolution", "progressive[1].resolution"])
def test_an_item_of_a_list_can_be_set(pets: Path, path: str) -> None:
    stages = "progressive=[{until: 0.2, resolution: 32}, {until: 0.5, resolution: 64}]"
    recipe = load_recipe(pets, [stages, f"{path}=96"]).recipe
    assert [stage.resolution for stage in recipe.progressive] == [32, 96]
    with pytest.raises(RecipeError, match="there is no item 2; progressive has 2, counted from 0"):
        load_recipe(pets, [stages, "progressive.2.until=0.9"])


def test_a_weight_of_a_class_takes_the_place_of_balanced(pets: Path) -> None:
    weights = load_recipe(
        pets, ["class_weights=balanced", "class_weights.0=2"]
    ).recipe.class_weights
    assert weights == {"0": 2}  # the class that is called 0, not an item


def test_a_setting_alone_need_not_be_a_list(pets: Path) -> None:
    assert load_recipe(pets, "epochs=3").recipe.epochs == 3


def test_a_section_set_as_a_whole_changes_the_keys_it_has(pets: Path) -> None:
    settings = ["data.limit=40", "data={validation: test}"]
    data = load_recipe(pets, settings, data={"cache": "disk"}).recipe.data
    assert (data.limit, data.validation, data.cache) == (40, "test", "disk")


def test_the_file_gives_way_to_settings_and_these_to_keywords(pets: Path) -> None:
    assert load_recipe(pets, ["epochs=7"]).recipe.epochs == 7
    assert load_recipe(pets, ["epochs=7", "epochs=8"]).recipe.epochs == 8
    assert load_recipe(pets, ["epochs=7"], epochs=9).recipe.epochs == 9
    assert load_recipe(pets, ["model.resolution=64"], image_size=96).recipe.spec().resolution == 96


def test_flags_are_short_for_fields_inside_sections(pets: Path) -> None:
    recipe = load_recipe(
        pets, epochs=1, batch_size=8, image_size=64, model="parnet_m", data=Path("photos")
    ).recipe
    assert (recipe.epochs, recipe.batch_size) == (1, 8)
    assert recipe.spec().name == "parnet_m+r64"
    assert recipe.data_root == Path("photos")


def test_a_flag_that_is_none_was_not_given(pets: Path) -> None:
    flags = ("epochs", "batch_size", "image_size", "model", "data", "weights")
    nothing: dict[str, Any] = dict.fromkeys(flags)
    assert load_recipe(pets, **nothing).recipe == load_recipe(pets).recipe


def test_none_for_another_field_means_null(pets: Path) -> None:
    assert load_recipe(pets, ["ema=0.99"], ema=None).recipe.ema is None


def test_where_a_value_comes_from_can_be_asked_later(pets: Path) -> None:
    loaded = load_recipe(pets, ["seed=3"], data="photos")
    assert loaded.where("model.name") == f"{pets}:4:9 model.name"
    assert loaded.where("model.resolution") == f"{pets}:3:1 model.resolution"
    assert loaded.where("seed") == "--set seed"
    assert loaded.where("data.root") == "data=photos data.root"


def test_the_home_folder_is_understood_in_the_datas_path(
    pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_recipe(pets, data="~/photos").recipe.data_root == tmp_path / "photos"
    assert load_recipe(pets, data="~nobody-at-all").recipe.data_root == Path("~nobody-at-all")


def test_scaling_gives_the_network_that_the_recipe_describes(pets: Path) -> None:
    scaling = "model.scaling={branches: 2, channels: [24, 48], depth: [2, 2], stem: small}"
    spec = load_recipe(pets, [scaling, "model.scaling.final_channels=96"], image_size=32)
    assert spec.recipe.spec().model_dump()["scaling"] == {
        "branches": 2,
        "channels": (24, 48),
        "final_channels": 96,
        "depth": (2, 2),
        "stem": "small",
        "activation": "silu",
        "dropout": 0.0,
        "in_channels": 3,
        "resolution": 32,
    }


def test_a_recipe_made_in_python_is_held_to_the_same_rules() -> None:
    with pytest.raises(ValidationError, match="100 pixels do not fit"):
        Recipe.model_validate(
            {"name": "x", "epochs": 1, "model": {"name": "parnet_s", "resolution": 100}}
        )


def test_a_recipe_cannot_be_changed(pets: Path) -> None:
    recipe = load_recipe(pets).recipe
    with pytest.raises(ValidationError, match="frozen"):
        recipe.epochs = 3  # type: ignore[misc]  # that it is refused is the point


@pytest.mark.parametrize("given", ["dogcat", "dogcat.yaml", "recipes/dogcat.yaml"])
def test_shipped_recipes_are_found_by_name_from_any_folder(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    loaded = load_recipe(given)
    assert loaded.recipe.name == "dogcat"
    assert loaded.path == shipped_recipes()["dogcat"]


def test_a_file_of_ones_own_comes_before_a_shipped_one_of_that_file_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("dogcat.yaml").write_text(SMALLEST)
    assert load_recipe("dogcat.yaml").recipe.name == "pets"
    assert load_recipe("./dogcat.yaml").recipe.name == "pets"
    assert load_recipe("dogcat").recipe.name == "dogcat"


def test_errors_in_a_shipped_recipe_are_named_from_where_one_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(REPOSITORY)
    assert load_recipe("dogcat").where("name").startswith("recipes/dogcat.yaml:")


def test_an_unknown_name_is_answered_with_the_nearest_and_with_all() -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe("dogact")
    assert str(caught.value) == (
        "dogact: there is no such file, and no shipped recipe of that name; did you mean dogcat?"
        f" shipped recipes: {', '.join(shipped_recipes())}"
    )


def test_an_installed_package_has_its_recipes_inside(tmp_path: Path) -> None:
    skipped = shutil.ignore_patterns("__pycache__")
    for package in ("parnet_zoo", "registry"):
        shutil.copytree(REPOSITORY / package, tmp_path / package, ignore=skipped)
    # As pyproject.toml lays the wheel out.
    shutil.copytree(REPOSITORY / "recipes", tmp_path / "parnet_zoo" / "recipes", dirs_exist_ok=True)
    program = "from parnet_zoo.recipe import load_recipe; print(load_recipe('quickstart').path)"
    process = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    inside = tmp_path.resolve() / "parnet_zoo" / "recipes" / "quickstart.yaml"
    assert process.stdout == f"{inside}\n"


def test_loading_a_recipe_imports_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from parnet_zoo.recipe import load_recipe\n"
        "loaded = load_recipe('imagenet', ['model.scaling.width=0.5'])\n"
        "loaded.recipe.spec(), loaded.recipe.to_yaml(), loaded.recipe.digest\n"
        "try:\n"
        "    load_recipe('dogcat', ['sed=1'])\n"
        "except Exception as error:\n"
        "    assert 'did you mean seed?' in str(error)\n"
        "heavy = {'numpy', 'tensorflow', 'keras', 'mlflow', 'pandas', 'PIL'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    process = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (process.stdout, process.stderr) == ("[]\n", "")
