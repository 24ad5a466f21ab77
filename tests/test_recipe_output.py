"""A recipe given out again: YAML, flat parameters, digest, JSON Schema."""

import json
import string
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parnet_zoo.recipe import Recipe, load_recipe, shipped_recipes
from parnet_zoo.recipe.document import parse_document

NAMES = st.text(string.ascii_letters + string.digits + "_.-", min_size=1, max_size=20).filter(
    lambda name: name[0].isalnum()
)
VARIABLES = st.sampled_from(["${HOME}", "${NOT_SET_ANYWHERE}/x", "${", "$${a}", "$$${", "${:-x}"])
LINES = VARIABLES | st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=40)
PROSE = VARIABLES | st.text(
    st.characters(
        exclude_categories=["Cs"], exclude_characters=[*map(chr, (*range(9), *range(11, 32), 127))]
    ),
    max_size=200,
)


def fractions(least: float, most: float, *, exclude_max: bool = True) -> st.SearchStrategy[float]:
    return st.floats(least, most, exclude_max=exclude_max)


def optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


def ranges(least: float, most: float) -> st.SearchStrategy[list[float]]:
    return st.lists(st.floats(least, most), min_size=2, max_size=2).map(sorted)


def several(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


MIXED = st.fixed_dictionaries(
    {"mixup": st.floats(0.01, 10)}, optional={"cutmix": st.floats(0, 10), "until": st.just(0.9)}
)
AUGMENTATIONS = optional(
    rotation=st.integers(0, 180) | fractions(0, 180),
    zoom=fractions(0, 1),
    horizontal_flip=st.booleans(),
    brightness=several(ranges(0, 10)),
    resized_crop=several(optional(area=ranges(0.1, 1), ratio=ranges(0.5, 2))),
    color_jitter=several(st.fixed_dictionaries({"hue": st.floats(0.01, 0.5)})),
    randaugment=several(optional(operations=st.integers(1, 14), magnitude=fractions(0, 10))),
    erasing=several(optional(probability=st.floats(0.01, 1), area=ranges(0.1, 1))),
    mixing=several(MIXED),
)
OPTIMIZERS = optional(
    learning_rate=st.floats(0, 100, exclude_min=True),
    weight_decay=fractions(0, 1),
    clip_norm=st.none() | st.floats(0, 1e300, exclude_min=True),
    accumulation=st.integers(1, 1024),
    layer_decay=several(st.floats(0.01, 1)),
    name=st.sampled_from(["adam", "adamw", "lion", "lamb", "muon", "rmsprop"]),
) | st.fixed_dictionaries(
    {"name": st.just("sgd"), "momentum": st.floats(1e-9, 0.99), "nesterov": st.booleans()}
)
DECAYS = st.floats(0, 1, exclude_min=True)
SCHEDULES = (
    optional(name=st.sampled_from(["constant", "cosine"]), warmup_epochs=fractions(0, 1))
    | st.fixed_dictionaries({"name": st.just("exponential"), "decay": DECAYS})
    | st.fixed_dictionaries(
        {"name": st.just("step"), "decay": DECAYS, "every_epochs": st.integers(1, 100)}
    )
    | st.fixed_dictionaries(
        {"name": st.just("one_cycle")},
        optional={"start": DECAYS, "peak": st.floats(0.1, 0.9), "final": fractions(0, 1)},
    )
)
SPLITS = {"train", "valid"}
PROGRESSIVE = st.lists(st.floats(0.01, 0.99), max_size=3, unique=True).map(
    # Every network below takes 64 pixels, at any resolution that it has here.
    lambda ends: [{"until": end, "resolution": 64} for end in sorted(ends)]
)
WIDTHS = st.floats(0.1, 4)
NAMED = st.fixed_dictionaries(
    {"name": st.sampled_from(["parnet_s", "parnet_m", "parnet_test"])},
    optional={
        "resolution": st.integers(1, 64).map(lambda n: 64 * n),
        "weights": st.sampled_from([None, "a.keras", "runs:/0a1b", "models:/pets@champion"]),
        "freeze": st.lists(st.sampled_from(["stem", "stream_0", "stem_*", "head"]), max_size=3),
        "scaling": st.none()
        | st.fixed_dictionaries(
            {"stem": st.sampled_from(["small", "imagenet"])},
            optional={
                "channels": st.lists(
                    st.integers(1, 100).map(lambda n: 2 * n), min_size=1, max_size=3
                ),
                "dropout": fractions(0, 1),
            },
        ),
    },
)
FREE = st.fixed_dictionaries(
    {
        "name": st.just("parnet_s"),
        "freeze": st.just(["head", "stem"]),
        "freeze_statistics": st.booleans(),
    }
)
SPECS = st.fixed_dictionaries(
    {
        "family": st.just("parnet"),
        "name": st.just("mine"),
        "scaling": st.fixed_dictionaries(
            {"channels": st.just([8, 16]), "final_channels": st.integers(1, 64)},
            optional={"dropout": fractions(0, 1), "activation": st.just("relu")},
        ),
    }
) | st.fixed_dictionaries(
    {"base": st.just("parnet_test")}, optional={"scaling": st.fixed_dictionaries({"width": WIDTHS})}
)
MODELS = NAMED | FREE | st.fixed_dictionaries({"spec": SPECS})
RECIPES = st.fixed_dictionaries(
    {"name": NAMES, "epochs": st.integers(1, 100_000), "model": MODELS},
    optional={
        "description": PROSE,
        "time": several(st.sampled_from(["30m", "1h30m", "90s", "1.5h"])),
        "batch_size": st.integers(1, 8192).map(lambda n: 8 * n),
        "distribution": st.fixed_dictionaries(
            {"strategy": st.just("mirrored")},
            optional={"devices": st.sampled_from([1, 2, 8]), "sync_batch_norm": st.booleans()},
        ),
        "progressive": PROGRESSIVE,
        "class_weights": several(
            st.just("balanced") | st.dictionaries(LINES, st.floats(0.01, 1000), max_size=3)
        ),
        "smoke": st.booleans(),
        "evaluation": optional(flip=st.booleans()),
        "seed": st.integers(0, 2**32 - 1),
        "deterministic": st.booleans(),
        "data": optional(
            root=st.none() | LINES,
            source=st.sampled_from([None, "digits"]),
            validation=st.floats(1e-9, 0.49) | st.just("valid"),
            test=several(st.floats(1e-9, 0.49) | NAMES.filter(lambda name: name not in SPLITS)),
            stored_resolution=several(st.just(4096)),
            cache_gb=several(st.floats(0.01, 1000)),
            limit=st.none() | st.integers(1, 10**8),
            cache=st.sampled_from(["auto", "disk"]),
        ),
        "augmentation": AUGMENTATIONS,
        "optimizer": OPTIMIZERS,
        "schedule": SCHEDULES,
        "label_smoothing": fractions(0, 1),
        "ema": st.none() | st.floats(1e-9, 1, exclude_max=True),
        "early_stopping": st.none() | optional(patience=st.integers(1, 1000)),
        "checkpoints": st.none() | optional(every_epochs=st.integers(1, 1000)),
        "tracking": optional(experiment=st.none() | LINES),
        "register": optional(name=st.none() | NAMES),
    },
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=RECIPES)
def test_any_recipe_written_as_yaml_loads_back_equal(
    data: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    recipe = Recipe.model_validate(data)
    path = tmp_path_factory.getbasetemp() / "round-trip.yaml"
    path.write_bytes(recipe.to_yaml().encode())
    again = load_recipe(path).recipe
    assert again == recipe
    assert again.digest == recipe.digest
    assert again.to_yaml() == recipe.to_yaml()


@settings(max_examples=60, deadline=None)
@given(text=PROSE | st.sampled_from(["1e-3", "yes", "null", "~", "0o7", "1:2", "=", "<<", ".5"]))
def test_any_text_written_as_yaml_is_the_same_text_when_read(text: str) -> None:
    recipe = Recipe.model_validate(
        {"name": "x", "epochs": 1, "model": {"name": "parnet_s"}, "description": text}
    )
    written = recipe.to_yaml()
    assert parse_document(written, "x", {}).data["description"] == text
    # And for readers of YAML 1.1, who know no variables.
    assert yaml.safe_load(written)["description"] == text.replace("${", "$${")


@pytest.mark.parametrize("name", shipped_recipes())
def test_a_resolved_recipe_has_every_field_and_loads_back_equal(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(name).recipe
    resolved = tmp_path / "resolved.yaml"
    resolved.write_text(recipe.to_yaml(), encoding="utf-8")
    assert load_recipe(resolved).recipe == recipe
    data = parse_document(recipe.to_yaml(), "x").data
    assert data.keys() == Recipe.model_fields.keys()
    assert data == recipe.model_dump(mode="json")


def test_parameters_are_flat_with_dotted_names() -> None:
    flat = load_recipe("quickstart", ["augmentation.brightness=[0.7, 1.3]"]).recipe.flattened()
    assert flat["name"] == "digits"
    assert flat["model.scaling.channels"] == "[24, 48]"
    assert flat["augmentation.brightness"] == "[0.7, 1.3]"
    assert flat["data.limit"] is None
    assert flat["early_stopping"] is None
    assert {type(value) for value in flat.values()} <= {str, int, float, bool, type(None)}


def test_the_digest_follows_every_field_and_nothing_else() -> None:
    plain = load_recipe("dogcat").recipe
    assert load_recipe("dogcat", ["batch_size=32", "augmentation.rotation=15.0"]).recipe.digest == (
        plain.digest
    )
    assert load_recipe("dogcat", ["augmentation.rotation=15.1"]).recipe.digest != plain.digest
    assert len(plain.digest) == 64


def test_the_json_schema_describes_recipe_files() -> None:
    schema = Recipe.json_schema()
    assert json.loads(json.dumps(schema)) == schema
    assert schema["required"] == ["name", "epochs", "model"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["epochs"]["minimum"] == 1
    assert "register" in schema["properties"]
