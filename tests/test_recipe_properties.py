"""What holds for every misspelling and for every heap of bytes."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from parnet_zoo.recipe import RecipeError, load_recipe
from parnet_zoo.recipe.document import parse_document
from parnet_zoo.recipe.fields import all_fields, keys
from registry.field_path import FieldPath, dotted

FULL = """\
version: 1
extends: null
name: pets
description: All sections are in here.
epochs: 20
time: 1h30m
batch_size: 32
seed: 1
deterministic: true
precision: float32
distribution:
  strategy: mirrored
  devices: 2
  sync_batch_norm: true
model:
  name: parnet_s
  resolution: 64
  scaling:
    branches: 3
    channels: [16, 32, 64]
    final_channels: 128
    depth: [1, 2, 1]
    stem: imagenet
    activation: relu
    dropout: 0.1
  weights: start.weights.h5
  freeze: [stem, stream_0]
  freeze_statistics: false
data:
  root: photos
  validation: 0.2
  test: 0.1
  limit: 100
  resize: crop
  normalization: unit
  cache: disk
  cache_gb: 20
  stored_resolution: 96
augmentation:
  rotation: 10
  width_shift: 0.1
  height_shift: 0.1
  shear: 5
  zoom: 0.1
  horizontal_flip: true
  brightness: [0.7, 1.3]
  fill: nearest
  resized_crop:
    area: [0.5, 1]
    ratio: [0.8, 1.25]
  color_jitter:
    brightness: 0.4
    contrast: 0.3
    saturation: 0.2
    hue: 0.1
  randaugment:
    operations: 3
    magnitude: 7
    probability: 0.5
  erasing:
    probability: 0.2
    area: [0.1, 0.2]
    ratio: [0.5, 2]
  mixing:
    mixup: 0.2
    cutmix: 1
    probability: 0.8
    until: 0.9
progressive:
  - until: 0.5
    resolution: 32
optimizer:
  name: sgd
  learning_rate: 1e-1
  weight_decay: 1e-4
  decay_all: true
  momentum: 0.9
  nesterov: true
  clip_norm: 1
  accumulation: 2
  layer_decay: 0.8
schedule:
  name: step
  warmup_epochs: 1
  decay: 0.95
  every_epochs: 5
  head_epochs: 2
label_smoothing: 0.1
class_weights: balanced
ema: 0.999
early_stopping:
  monitor: val_accuracy
  patience: 5
checkpoints:
  every_epochs: 5
  keep: 3
  best: true
  last: true
  filename: "{epoch:03d}.keras"
save_every: 90s
tensorboard: true
evaluation:
  flip: true
  label_errors: held_out
smoke: true
tracking:
  experiment: trials
  system_metrics: false
  system_metrics_every: 60s
register:
  name: pets
  promote: if_better
  gate:
    minimum_accuracy: 0.9
    maximum_latency_ms: 20
    maximum_deploy_difference: 1e-3
"""
DOCUMENT = parse_document(FULL, "full.yaml")
GIVEN = sorted(path for path in DOCUMENT.keys if len(str(path[-1])) >= 3)
LETTERS = "abcdefghijklmnopqrstuvwxyz_"


@st.composite
def misspelt(draw: st.DrawFn) -> tuple[FieldPath, str]:
    """A key of the recipe above, and that key with one slip of the fingers in it."""
    path = draw(st.sampled_from(GIVEN))
    key = str(path[-1])
    at = draw(st.integers(0, len(key) - 1))
    letter = draw(st.sampled_from(LETTERS))
    wrong = draw(
        st.sampled_from(
            [
                key[:at] + key[at + 1 :],
                key[:at] + letter + key[at:],
                key[:at] + letter + key[at + 1 :],
                key[:at] + key[at + 1 : at + 2] + key[at] + key[at + 2 :],
                key.replace("_", "-"),
                key.capitalize(),
            ]
        ).filter(lambda wrong: wrong not in keys(path[:-1]))
    )
    return path, wrong


def test_the_recipe_with_everything_is_right(tmp_path: Path) -> None:
    (tmp_path / "full.yaml").write_text(FULL)
    load_recipe(tmp_path / "full.yaml")
    missing = {path for path, _ in all_fields()} - set(DOCUMENT.keys)
    assert {dotted(path) for path in missing} == {
        "model.spec", "model.scaling.width", "model.scaling.multiple", "data.source",
        "schedule.start", "schedule.peak", "schedule.final",
    }  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(slip=misspelt())
def test_every_misspelt_key_is_found_at_its_place_with_a_suggestion(
    slip: tuple[FieldPath, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path, wrong = slip
    line, column = DOCUMENT.keys[path]
    lines = FULL.split("\n")
    rest = lines[line - 1][column - 1 + len(str(path[-1])) :]
    lines[line - 1] = lines[line - 1][: column - 1] + wrong + rest
    file = tmp_path_factory.getbasetemp() / "misspelt.yaml"
    file.write_text("\n".join(lines))
    with pytest.raises(RecipeError) as caught:
        load_recipe(file)
    [problem] = [item for item in caught.value.problems if "unknown key" in item.message]
    assert (problem.line, problem.column) == (line, column)
    assert problem.field == dotted((*path[:-1], wrong))
    assert problem.message == f"unknown key; did you mean {path[-1]}?"


def survives(data: bytes, folder: Path) -> None:
    file = folder / "garbage.yaml"
    file.write_bytes(data)
    with pytest.raises(RecipeError) as caught:
        load_recipe(file)
    assert all(line.startswith(str(file)) for line in str(caught.value).split("\n"))
    assert len(caught.value.problems) == str(caught.value).count("\n") + 1


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.binary(max_size=300))
@example(data=b"")
@example(data=b"%YAML 9")
@example(data=b"!<tag:yaml.org,2002:python/none> ")
@example(data=b"? - ? -\n: - : -")
def test_no_heap_of_bytes_is_more_than_a_recipe_error(
    data: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    survives(data, tmp_path_factory.getbasetemp())


FRAGMENTS = st.sampled_from(
    [
        *(
            "\n",
            "  ",
            " ",
            ": ",
            "- ",
            "? ",
            ", ",
            "[",
            "]",
            "{",
            "}",
            "&a ",
            "*a",
            "!!int ",
            "!x ",
        ),
        *(
            '"',
            "'",
            "|",
            ">",
            "#",
            "%",
            "---\n",
            "...\n",
            "<<",
            "~",
            "\t",
            "\\x",
            "\0",
            "\x85",
            "é",
        ),
        *("name", "epochs", "model", "scaling", "channels", "augmentation", "brightness", "data"),
        *("parnet_s", "1", "1e-3", "true", ".nan", "-1", "9" * 50),
    ]
)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(parts=st.lists(FRAGMENTS, max_size=40))
def test_no_heap_of_yaml_is_more_than_a_recipe_error(
    parts: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    survives("".join(parts).encode(), tmp_path_factory.getbasetemp())


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=5,
)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(field=st.sampled_from([path for path, _ in all_fields()]), value=VALUES)
def test_no_value_of_any_field_is_more_than_a_recipe_error(
    field: FieldPath, value: object, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.getbasetemp() / "full.yaml"
    file.write_text(FULL)
    changes = value
    for key in reversed(field):
        changes = {str(key): changes}
    assert isinstance(changes, dict)
    with contextlib.suppress(RecipeError):
        load_recipe(file, **changes)
