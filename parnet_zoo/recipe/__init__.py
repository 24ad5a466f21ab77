"""What a training run is: a recipe in YAML, checked as a whole before TensorFlow is imported."""

from parnet_zoo.recipe.errors import Problem, RecipeError
from parnet_zoo.recipe.load import LoadedRecipe, load_recipe
from parnet_zoo.recipe.schema.recipe import Recipe
from parnet_zoo.recipe.shipped import shipped_recipes
from parnet_zoo.recipe.spec_file import dump_spec, load_spec

__all__ = [
    "LoadedRecipe",
    "Problem",
    "Recipe",
    "RecipeError",
    "dump_spec",
    "load_recipe",
    "load_spec",
    "shipped_recipes",
]
