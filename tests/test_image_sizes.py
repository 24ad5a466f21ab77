"""A size of images that a network does not take is answered with the nearest that it does."""

from __future__ import annotations

from pathlib import Path

import pytest

import registry
from parnet_zoo.recipe import RecipeError, load_recipe


@pytest.mark.parametrize(
    ("size", "settings", "sentence"),
    [
        (100, [], "100 pixels do not fit; parnet_s takes multiples of 32, the nearest are 96 and"),
        (20, [], "20 pixels do not fit; parnet_s takes multiples of 32, the nearest is 32"),
        (5, [], "5 pixels do not fit; networks take 8 to 4096, and the nearest size that parnet_s"
         " takes is 32"),
        (-32, [], "the nearest size that parnet_s takes is 32"),
        (5000, [], "the nearest size that parnet_s takes is 4096"),
        (10**60, [], "the nearest size that parnet_s takes is 4096"),
        (5, ["model.scaling.branches=4"], "the nearest size that this network takes is 64"),
        (5, ["model.scaling.stem=small"], "the nearest size that this network takes is 8"),
        (3, ["model.name=parnet_blog_s"], "the nearest size that parnet_blog_s takes is 64"),
        (3, ["model.name=resnet50"], "the nearest size that resnet50 takes is 32"),
    ],
)  # fmt: skip
def test_a_recipes_size_that_does_not_fit_has_a_nearest_one(
    size: int, settings: list[str], sentence: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe("imagenet", settings, image_size=size)
    [problem] = caught.value.problems
    assert problem.field == "model.resolution"
    assert sentence in problem.message
    nearest = int(problem.message.split()[-1])
    assert load_recipe("imagenet", settings, image_size=nearest).recipe.spec().fits(nearest)


def test_in_a_file_it_is_said_where(tmp_path: Path) -> None:
    recipe = tmp_path / "pets.yaml"
    recipe.write_text("name: pets\nepochs: 1\nmodel:\n  name: parnet_m\n  resolution: 9999\n")
    with pytest.raises(RecipeError, match=r"pets.yaml:5:15 model.resolution: 9999 .* is 4096$"):
        load_recipe(recipe)


@pytest.mark.parametrize("name", ["parnet_s", "parnet_blog_s"])
@pytest.mark.parametrize("size", [-7, 0, 1, 200, 10**9 + 1])
def test_counting_says_it_too(name: str, size: int) -> None:
    spec = registry.get(name)
    nearest = spec.nearest_resolution(size)
    with pytest.raises(registry.SpecError, match=f"not {size}; the nearest is {nearest}$"):
        spec.cost(resolution=size)
    spec.cost(resolution=nearest)
