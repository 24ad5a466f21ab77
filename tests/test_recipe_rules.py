"""Fields that contradict each other, each reported at the one to change."""

from __future__ import annotations

from pathlib import Path

import pytest

from parnet_zoo.data.sources.manifest_rows import READERS
from parnet_zoo.recipe import RecipeError, data_findings, load_recipe

RECIPE = """\
name: pets
epochs: 10
model: {name: parnet_s, resolution: 96}
"""


def messages(tmp_path: Path, text: str, model: str = "name: parnet_s, resolution: 96") -> list[str]:
    """What is wrong with a recipe that goes on with `text`: `line field: message`."""
    path = tmp_path / "pets.yaml"
    path.write_text(RECIPE.replace("name: parnet_s, resolution: 96", model) + text)
    try:
        load_recipe(path)
    except RecipeError as error:
        return [f"{item.line} {item.field}: {item.message}" for item in error.problems]
    return []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        # The schedule and the length of the training.
        ("schedule: {name: cosine, warmup_epochs: 10}",
         "4 schedule.warmup_epochs: a warm-up of 10 epochs does not fit into a training of 10; it"
         " must be shorter"),
        ("schedule: {head_epochs: 10}",
         "4 schedule.head_epochs: training the head alone for 10 epochs does not fit into a"
         " training of 10; it must be shorter"),
        ("schedule: {name: step, decay: 0.1}",
         "4 schedule.every_epochs: the step schedule needs it; for example 30"),
        ("schedule: {name: step, every_epochs: 3}",
         "4 schedule.decay: the step schedule needs it; for example 0.95"),
        ("schedule: {name: exponential, decay: 0.9, every_epochs: 3}",
         "4 schedule.every_epochs: the exponential schedule has no such number as every_epochs;"
         " remove it or use step"),
        ("schedule: {name: cosine, start: 0.1}",
         "4 schedule.start: the cosine schedule has no such number as start; remove it or use"
         " one_cycle"),
        ("schedule: {peak: 0.1}",
         "4 schedule.peak: the constant schedule has no such number as peak; remove it or use"
         " one_cycle"),
        ("schedule: {final: 0}",
         "4 schedule.final: the constant schedule has no such number as final; remove it or use"
         " cosine or one_cycle"),
        # The optimiser.
        ("optimizer: {name: rmsprop, momentum: 0.9, nesterov: true}",
         "4 optimizer.nesterov: rmsprop has no such setting; remove it or use sgd"),
        ("optimizer: {name: lion, momentum: 0.9}",
         "4 optimizer.momentum: lion has no such setting; remove it or use sgd or rmsprop"),
        ("optimizer: {decay_all: true}",
         "4 optimizer.decay_all: without a decay it changes nothing; set optimizer.weight_decay, or"
         " remove it"),
        # Devices and batches.
        ("distribution: {strategy: mirrored, devices: 3}\nbatch_size: 32",
         "5 batch_size: 32 images cannot be shared evenly by 3 devices; the nearest are 30 and 33"),
        ("distribution: {strategy: mirrored, devices: 2}\nbatch_size: 1",
         "5 batch_size: 1 image cannot be shared evenly by 2 devices; the nearest is 2"),
        ("distribution: {devices: 2}",
         "4 distribution.devices: it is about several devices, and the strategy is single; remove"
         " it or use mirrored"),
        ("distribution: {sync_batch_norm: true}",
         "4 distribution.sync_batch_norm: it is about several devices, and the strategy is single;"
         " remove it or use mirrored"),
        # Data.
        ("data: {validation: holdout, test: holdout}",
         "4 data.test: the folder holdout validates the training, so it cannot test it as well;"
         " give another folder, or say it on purpose with validation: test"),
        ("data: {test: train}",
         "4 data.test: training images cannot test the training; give another folder, or a part"
         " such as 0.1"),
        ("data: {validation: 0.4, test: 0.6}",
         "4 data.test: 0.4 for validation and 0.6 for the test leave nothing to train on; together"
         " they must be less than 1"),
        *((f"data: {{source: digits, root: digits{suffix}}}",
           "4 data.source: digits are written as a folder of pictures; name a folder in data.root")
          for suffix in (".tar", *READERS)),
        ("data: {cache: none, cache_gb: 2}",
         "4 data.cache_gb: nothing is cached, so there is nothing to limit; remove it or change"
         " data.cache"),
        ("data: {stored_resolution: 64}",
         "4 data.stored_resolution: images kept at 64 pixels have less detail than the network's"
         " 96; give at least 96, or remove it"),
        # Random changes and sizes.
        ("augmentation: {mixing: {probability: 0.5}}",
         "4 augmentation.mixing: neither mixup nor cutmix is above 0, so nothing is mixed; set one,"
         " or remove it"),
        ("augmentation: {mixing: {mixup: 0.2}}\nbatch_size: 1",
         "4 augmentation.mixing: images are mixed within a batch, and a batch of 1 has no pair;"
         " remove it"),
        ("augmentation: {color_jitter: {}}",
         "4 augmentation.color_jitter: no strength is above 0; set one of brightness, contrast,"
         " saturation, hue"),
        ("progressive: [{until: 0.6, resolution: 32}, {until: 0.6, resolution: 64}]",
         "4 progressive[1].until: 0.6 is not after 0.6, where the stage before it ends; put the"
         " stages in ascending order"),
        ("progressive: [{until: 0.5, resolution: 72}]",
         "4 progressive[0].resolution: 72 pixels do not fit; the nearest size that parnet_s+r96"
         " takes is 64"),
        ("progressive: [{until: 0.5, resolution: 128}]",
         "4 progressive[0].resolution: 128 pixels are more than the network's 96, which come last;"
         " give smaller ones, or raise model.resolution"),
    ],
)  # fmt: skip
def test_a_contradiction_is_one_sentence_at_the_field_to_change(
    tmp_path: Path, text: str, message: str
) -> None:
    assert messages(tmp_path, text) == [message]


@pytest.mark.parametrize(
    "text",
    [
        "time: 30m\nschedule: {name: cosine, warmup_epochs: 20, head_epochs: 30}",  # the clock wins
        "schedule: {name: one_cycle, start: 0.1, peak: 0.2, final: 0.01, warmup_epochs: 1}",
        "schedule: {head_epochs: 6, warmup_epochs: 6}",  # both begin with the training
        "schedule: {name: step, decay: 0.1, every_epochs: 30}",  # so that --epochs can be few
        "early_stopping: {patience: 50}",
        "optimizer: {name: rmsprop, momentum: 0.9}",
        "distribution: {strategy: mirrored, devices: 4, sync_batch_norm: true}",
        "data: {validation: test}",
        "data: {validation: test, test: test}",
        "data: {validation: 0.5, test: 0.4}",
        "data: {stored_resolution: 96}",
        "data: {source: digits, root: digits}",
        "augmentation: {mixing: {cutmix: 1}}\nlabel_smoothing: 0.1\nclass_weights: balanced",
        "progressive: [{until: 0.3, resolution: 64}, {until: 0.6, resolution: 96}]",
        "smoke: true\noptimizer: {accumulation: 64}",
    ],
)
def test_what_is_no_contradiction_is_accepted(tmp_path: Path, text: str) -> None:
    assert messages(tmp_path, text) == []


@pytest.mark.parametrize(
    ("network", "text", "start"),
    [
        ("parnet_blog_s", "progressive: [{until: 0.5, resolution: 64}]",
         "4 progressive: parnet_blog_s+r128 takes images of one size only, 128 pixels;"),
        ("resnet50", "optimizer: {layer_decay: 0.8}",
         "4 optimizer.layer_decay: resnet50+r128 has no named stages, so their rates cannot differ;"
         " a baseline is drawn"),
        ("resnet50", "schedule: {head_epochs: 2}",
         "4 schedule.head_epochs: resnet50+r128 has no named stages, so its head cannot be trained"
         " alone;"),
    ],
)  # fmt: skip
def test_some_networks_cannot_be_trained_so(
    tmp_path: Path, network: str, text: str, start: str
) -> None:
    model = f"name: {network}, resolution: 128"
    [message] = messages(tmp_path, text, model)
    assert message.startswith(start)
    assert messages(tmp_path, "", model) == []


def test_a_baseline_takes_any_progressive_size(tmp_path: Path) -> None:
    text = "progressive: [{until: 0.5, resolution: 100}]"
    assert messages(tmp_path, text, "name: resnet50, resolution: 128") == []


def test_a_frozen_head_cannot_be_trained_alone(tmp_path: Path) -> None:
    model = "name: parnet_s, freeze: ['hea?', stem]"
    assert messages(tmp_path, "schedule: {head_epochs: 2}", model) == [
        "4 schedule.head_epochs: the head is frozen, so nothing would be trained in these epochs;"
        " remove it, or take head out of model.freeze"
    ]


def test_rules_are_still_tried_where_a_list_has_a_wrong_item(tmp_path: Path) -> None:
    text = "progressive: [{until: 0.5}]\nschedule: {warmup_epochs: 20}\nclass_weights: {cat: x}"
    assert [line.split(": ")[0] for line in messages(tmp_path, text)] == [
        "4 progressive[0].resolution",
        "5 schedule.warmup_epochs",
        "6 class_weights.cat",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("class_weights: balancd",
         '4 class_weights: the text "balancd" does not fit; did you mean balanced? it must be'
         " balanced, or a section with a number above 0 for some classes by their names, or null"),
        ("class_weights: {cat: 2, dog: 0}",
         "4 class_weights.dog: the number 0 does not fit; it must be a number above 0 and at most"
         " 1000"),
    ],
)  # fmt: skip
def test_a_wrong_class_weight_is_reported_at_its_class(
    tmp_path: Path, text: str, message: str
) -> None:
    assert messages(tmp_path, text) == [message]


@pytest.mark.parametrize(
    ("section", "key", "meant"),
    [
        ("optimizer", "lr", "learning_rate"),
        ("optimizer", "wd", "weight_decay"),
        ("optimizer", "gradient_accumulation_steps", "accumulation"),
        ("augmentation", "hflip", "horizontal_flip"),
        ("evaluation", "hflip", "flip"),  # rather a slip of the fingers there
        ("augmentation", "mixup", "augmentation.mixing.mixup"),
        ("data", "val_split", "validation"),
        ("", "arch", "model.name"),
        ("", "image_size", "model.resolution"),
        ("", "max_epochs", "epochs"),
        ("", "amp", "precision"),
        ("", "lr_scheduler", "schedule"),
        ("", "defaults", "extends"),
        ("", "extend", "extends"),
    ],
)
def test_what_other_trainers_call_a_field_is_understood(
    tmp_path: Path, section: str, key: str, meant: str
) -> None:
    text = f"{section}: {{{key}: 1}}" if section else f"{key}: 1"
    [message] = messages(tmp_path, text)
    assert message.endswith(f"unknown key; did you mean {meant}?")


# --- rules that need the data


def findings(text: str, tmp_path: Path, classes: str = "cat dog", images: int = 1000) -> list[str]:
    path = tmp_path / "pets.yaml"
    path.write_text(RECIPE + text)
    loaded = load_recipe(path)
    error = loaded.error(data_findings(loaded.recipe, classes.split(), images))
    return [f"{item.line}:{item.column} {item.field}: {item.message}" for item in error.problems]


def test_a_recipe_that_fits_its_data_has_no_findings(tmp_path: Path) -> None:
    text = (
        "class_weights: {cat: 2}\noptimizer: {accumulation: 4}\naugmentation: {mixing: {mixup: 1}}"
    )
    assert findings(text, tmp_path) == []
    assert findings("class_weights: balanced\nlabel_smoothing: 0.1", tmp_path) == []


def test_one_class_cannot_be_mixed_with_others(tmp_path: Path) -> None:
    text = "augmentation: {mixing: {mixup: 0.2}}\nlabel_smoothing: 0.1"
    assert findings(text, tmp_path, classes="cat") == [
        "4:24 augmentation.mixing: labels are mixed with those of other classes, and the data has"
        " one class only, cat; remove it",
        "5:18 label_smoothing: labels are spread over all classes, and the data has one class only,"
        " cat; remove it",
    ]


def test_the_weight_of_a_class_that_is_not_there_is_answered_with_the_nearest(
    tmp_path: Path,
) -> None:
    assert findings("class_weights: {dgo: 2, cat: 1, elephant: 1}", tmp_path) == [
        "4:17 class_weights.dgo: no class of the data is called so; did you mean dog?",
        "4:33 class_weights.elephant: no class of the data is called so; there are cat, dog",
    ]


@pytest.mark.parametrize(
    ("images", "way_out"), [(100, "at most 3 fit"), (40, "remove it, or take smaller batches")]
)
def test_an_update_needs_no_more_images_than_there_are(
    tmp_path: Path, images: int, way_out: str
) -> None:
    text = "optimizer: {accumulation: 4}\nbatch_size: 32"
    assert findings(text, tmp_path, images=images) == [
        f"4:27 optimizer.accumulation: one update would take 4 x 32 = 128 images, more than the"
        f" {images} to train on; {way_out}"
    ]
    assert findings(text + "\nsmoke: true", tmp_path, images=images) == []
    assert findings(text, tmp_path, images=128) == []
