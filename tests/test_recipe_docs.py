"""docs/recipes.md says what the schema says; run as a program, this file writes its table anew."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from parnet_zoo.recipe import Recipe, shipped_recipes
from parnet_zoo.recipe.document import parse_document
from parnet_zoo.recipe.fields import all_fields, field_schema, keys
from parnet_zoo.recipe.yaml_text import yaml_text
from registry.english import allowed
from registry.field_path import FieldPath, dotted
from tests.conftest import Done

Run = Callable[..., Done]

PAGE = Path(__file__).resolve().parent.parent / "docs" / "recipes.md"
TABLE = re.compile(r"(?<=<!-- fields -->\n).*(?=<!-- /fields -->)", re.DOTALL)


def fields_table() -> str:
    rows = ["| field | takes | default | what it is |", "|---|---|---|---|"]
    for path, schema in all_fields():
        section = bool(keys(path))
        takes = ("a section, or null" if "anyOf" in schema else "a section") * section
        cells = (
            f"`{dotted(path)}`",
            takes or allowed(schema),
            _default(path, schema),
            schema["description"],
        )
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def _default(path: FieldPath, schema: dict[str, Any]) -> str:
    if path[-1] in (field_schema(path[:-1]) or {}).get("required", ()):
        return "**required**"
    if "default" not in schema:  # a section, made of its fields' defaults
        return ""
    value = schema["default"]
    return "empty" if value == "" else f"`{yaml_text({'x': value}).removeprefix('x: ').strip()}`"


def test_the_table_of_fields_is_what_the_schema_says() -> None:
    written = TABLE.search(PAGE.read_text(encoding="utf-8"))
    assert written is not None
    assert written[0] == fields_table(), "run python tests/test_recipe_docs.py"


def test_every_field_has_a_description() -> None:
    assert [dotted(path) for path, schema in all_fields() if not schema.get("description")] == []


def test_every_shipped_recipe_is_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in shipped_recipes() if f"| `{name}` |" not in text] == []


def test_the_example_of_errors_prints_what_the_page_says(tmp_path: Path) -> None:
    blocks = re.findall(
        r"```python\n((?:(?!```).)*)```\n\n```text\n(.*?)```",
        PAGE.read_text(encoding="utf-8"),
        re.DOTALL,
    )
    [(code, printed)] = [block for block in blocks if "RecipeError" in block[0]]
    process = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert process.stdout == printed


def test_the_example_of_errors_as_json_prints_what_the_page_says(
    parnet_zoo_in: Run, tmp_path: Path
) -> None:
    page = PAGE.read_text(encoding="utf-8")
    [(recipe, printed)] = re.findall(
        r"cat > wrong.yaml <<'END'\n(.*?)END\n.*?```json\n(.*?)```", page, re.DOTALL
    )
    (tmp_path / "wrong.yaml").write_text(recipe)
    assert parnet_zoo_in("train", "wrong.yaml", "--json").json == json.loads(printed)


def test_the_smallest_recipe_on_the_page_is_one() -> None:
    block, *_ = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    recipe = Recipe.model_validate(parse_document(block, "recipes.md").data)
    assert (recipe.name, recipe.spec().resolution) == ("pets", 96)


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    table = fields_table()
    PAGE.write_text(TABLE.sub(lambda _: table, text), encoding="utf-8")
