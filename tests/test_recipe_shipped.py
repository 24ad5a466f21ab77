"""The recipes that come with the package keep what their headers promise."""

import re
from pathlib import Path

import pytest

from parnet_zoo.recipe import Recipe, load_recipe, shipped_recipes
from parnet_zoo.recipe.shipped import shipped_name

SHIPPED = shipped_recipes()


def header(name: str) -> str:
    text = SHIPPED[name].read_text(encoding="utf-8")
    return re.sub(r"^# ?", "", text[: text.index("\n\n")], flags=re.MULTILINE)


def the_blogs_augmentation(recipe: Recipe) -> bool:
    none = dict.fromkeys(["resized_crop", "color_jitter", "randaugment", "erasing", "mixing"])
    return recipe.augmentation.model_dump() == none | {
        "rotation": 50,
        "width_shift": 0.1,
        "height_shift": 0.1,
        "shear": 10,
        "zoom": 0.1,
        "horizontal_flip": True,
        "brightness": (0.7, 1.3),
        "fill": "nearest",
    }


def test_the_shipped_recipes_are_these() -> None:
    assert {"quickstart", "dogcat", "dogcat_blog"} <= SHIPPED.keys()


@pytest.mark.parametrize("name", SHIPPED)
def test_a_header_says_the_command_and_what_it_reaches(name: str) -> None:
    assert f"parnet-zoo train {name}" in header(name)
    assert "Data:" in header(name)
    assert "Reaches:" in header(name)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_recipe_can_be_cut_to_one_epoch_after_its_warm_up(name: str) -> None:
    schedule = load_recipe(name).recipe.schedule
    epochs = 1 + max(schedule.head_epochs, int(schedule.warmup_epochs))
    assert load_recipe(name, epochs=epochs).recipe.epochs == epochs


@pytest.mark.parametrize("name", SHIPPED)
def test_editors_are_told_which_schema_a_shipped_recipe_has(name: str) -> None:
    first_line = SHIPPED[name].read_text(encoding="utf-8").splitlines()[0]
    assert first_line == "# yaml-language-server: $schema=recipe.schema.json"
    assert (SHIPPED[name].parent / "recipe.schema.json").is_file()


def test_the_two_minute_run_of_dogcat_is_a_valid_recipe() -> None:
    recipe = load_recipe(
        "dogcat", ["data.limit=400"], data="photos", epochs=1, image_size=64
    ).recipe
    assert (recipe.data_root, recipe.data.limit, recipe.epochs) == (Path("photos"), 400, 1)
    assert recipe.spec().resolution == 64


def test_only_the_blogs_recipe_validates_on_test_images_and_says_so() -> None:
    folders = {name: load_recipe(name).recipe.data.validation for name in SHIPPED}
    assert [name for name, folder in folders.items() if folder == "test"] == ["dogcat_blog"]
    assert "THE TEST IMAGES ARE THE VALIDATION DATA" in header("dogcat_blog")


def test_the_quickstart_makes_its_own_data() -> None:
    recipe = load_recipe("quickstart").recipe
    assert (recipe.data.source, recipe.data_root) == ("digits", Path("datasets/digits"))
    assert recipe.registered_name == "digits"
    assert recipe.spec().stride == 4  # the stem for small images
    assert not recipe.augmentation.horizontal_flip


def test_dogcat_looks_for_its_data_in_the_usual_place() -> None:
    recipe = load_recipe("dogcat").recipe
    assert recipe.data_root == Path("datasets/dogcat")


def test_the_blogs_recipe_is_the_blogs() -> None:
    recipe = load_recipe("dogcat_blog").recipe
    assert recipe.model.name == "parnet_blog_s"
    assert (recipe.model.resolution, recipe.batch_size, recipe.epochs) == (256, 16, 100)
    assert (recipe.optimizer.name, recipe.optimizer.learning_rate) == ("adam", 1e-3)
    assert (recipe.schedule.name, recipe.schedule.decay) == ("exponential", 0.95)
    assert recipe.schedule.warmup_epochs == 0
    assert recipe.early_stopping is not None
    assert (recipe.early_stopping.monitor, recipe.early_stopping.patience) == ("val_loss", 15)
    assert recipe.checkpoints is not None
    assert recipe.checkpoints.every_epochs == 1
    for value in ("epoch", "loss", "val_loss"):
        assert f"{{{value}:" in recipe.checkpoints.filename
    assert recipe.tensorboard
    assert recipe.data.normalization == "unit"
    assert the_blogs_augmentation(recipe)


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("dogcat", "dogcat"),
        ("dogcat.yaml", "dogcat"),
        ("recipes/dogcat.yaml", "dogcat"),
        ("recipes/dogcat", "dogcat"),
        ("elsewhere/dogcat.yaml", None),
        ("/recipes/dogcat.yaml", None),
        ("../recipes/dogcat.yaml", None),
        ("dogcat.yml", None),
    ],
)
def test_a_name_means_a_shipped_recipe_and_any_other_path_a_file(
    wanted: str, name: str | None
) -> None:
    assert shipped_name(wanted) == name
