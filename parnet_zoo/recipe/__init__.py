"""What a training run is: a recipe in YAML, checked as a whole before TensorFlow is imported."""

from parnet_zoo.recipe.data_rules import data_findings
from parnet_zoo.recipe.differences import Difference, differences
from parnet_zoo.recipe.errors import Problem, RecipeError
from parnet_zoo.recipe.file_schema import recipe_schema
from parnet_zoo.recipe.load import LoadedRecipe, load_recipe
from parnet_zoo.recipe.recipe_text import read_recipe_text
from parnet_zoo.recipe.schema.recipe import Recipe
from parnet_zoo.recipe.shipped import shipped_recipes
from parnet_zoo.recipe.spec_file import dump_spec, load_spec
from parnet_zoo.recipe.summaries import RecipeSummary, list_recipes

__all__ = [
    "Difference",
    "LoadedRecipe",
    "Problem",
    "Recipe",
    "RecipeError",
    "RecipeSummary",
    "data_findings",
    "differences",
    "dump_spec",
    "list_recipes",
    "load_recipe",
    "load_spec",
    "read_recipe_text",
    "recipe_schema",
    "shipped_recipes",
]
