"""What a wrong recipe is answered: one line for each mistake, with its place and the way out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from parnet_zoo.errors import UsageError
from parnet_zoo.recipe import Problem, RecipeError, load_recipe

GOOD = """\
name: pets
epochs: 5
batch_size: 32
model:
  name: parnet_s
  resolution: 96
data:
  validation: 0.2
optimizer:
  name: sgd
  learning_rate: 0.1
  momentum: 0.9
schedule:
  name: cosine
  warmup_epochs: 2
"""

Errors = Callable[..., list[str]]


@pytest.fixture
def errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Errors:
    """Lines of the error for a recipe with some of its text replaced."""
    monkeypatch.chdir(tmp_path)

    def load(*replacements: tuple[str, str], overrides: Any = (), **changes: Any) -> list[str]:
        text = GOOD
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        Path("pets.yaml").write_text(text, encoding="utf-8")
        with pytest.raises(RecipeError) as caught:
            load_recipe("pets.yaml", overrides, **changes)
        return str(caught.value).split("\n")

    return load


def test_a_right_recipe_loads(tmp_path: Path) -> None:
    (tmp_path / "pets.yaml").write_text(GOOD)
    assert load_recipe(tmp_path / "pets.yaml").recipe.optimizer.momentum == 0.9


def test_a_recipe_error_is_a_mistake_in_usage(errors: Errors) -> None:
    assert issubclass(RecipeError, UsageError)
    assert RecipeError.exit_code == 2


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "learning_rate",
            "learnig_rate",
            "pets.yaml:11:3 optimizer.learnig_rate: unknown key; did you mean learning_rate?",
        ),
        (
            "  momentum: 0.9",
            "  flavour: 0.9",
            "pets.yaml:12:3 optimizer.flavour: unknown key; allowed here: name, learning_rate,"
            " weight_decay, decay_all, momentum, nesterov, clip_norm, accumulation, layer_decay",
        ),
        (
            "batch_size: 32",
            "momentum: 0.9",
            "pets.yaml:3:1 momentum: unknown key; did you mean optimizer.momentum?",
        ),
        (
            "batch_size: 32",
            "image_size: 32",
            "pets.yaml:3:1 image_size: unknown key; did you mean model.resolution?",
        ),
        (
            "epochs: 5",
            "epoch: 5",
            "pets.yaml:2:1 epoch: unknown key; did you mean epochs?",
        ),
        (
            "resolution: 96",
            "scaling: {resolution: 96}",
            "pets.yaml:6:13 model.scaling.resolution: unknown key; did you mean model.resolution?",
        ),
    ],
)
def test_an_unknown_key_is_answered_with_the_nearest_or_all_keys(
    errors: Errors, old: str, new: str, line: str
) -> None:
    assert errors((old, new)) == [line]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "batch_size: 32",
            'batch_size: "32"',
            'pets.yaml:3:13 batch_size: the text "32" does not fit; it must be a whole number from'
            " 1 to 65536, without quotes",
        ),
        (
            "batch_size: 32",
            "batch_size: 32.0",
            "pets.yaml:3:13 batch_size: the number 32.0 does not fit; it must be a whole number"
            " from 1 to 65536",
        ),
        (
            "batch_size: 32",
            "batch_size: true",
            "pets.yaml:3:13 batch_size: true does not fit; it must be a whole number from 1 to"
            " 65536",
        ),
        (
            "batch_size: 32",
            "batch_size:",
            "pets.yaml:3:12 batch_size: null does not fit; it must be a whole number from 1 to"
            " 65536",
        ),
        (
            "batch_size: 32",
            "batch_size: 0",
            "pets.yaml:3:13 batch_size: the number 0 does not fit; it must be a whole number from 1"
            " to 65536",
        ),
        (
            "batch_size: 32",
            "deterministic: yes",
            'pets.yaml:3:16 deterministic: the text "yes" does not fit; it must be true or false',
        ),
        (
            "batch_size: 32",
            "label_smoothing: .nan",
            "pets.yaml:3:18 label_smoothing: the number nan does not fit; it must be a number of at"
            " least 0 and below 1",
        ),
        (
            "name: pets",
            "name: 12",
            "pets.yaml:1:7 name: the number 12 does not fit; it must be a name of letters, digits,"
            " '_', '-' and '.', in quotes",
        ),
        (
            "name: pets",
            "name: ../pets",
            'pets.yaml:1:7 name: the text "../pets" does not fit; it must be a name of letters,'
            " digits, '_', '-' and '.'",
        ),
        (
            "name: cosine",
            "name: cosin",
            'pets.yaml:14:9 schedule.name: the text "cosin" does not fit; did you mean cosine? it'
            " must be one of constant, exponential, step, cosine, one_cycle",
        ),
        (
            "validation: 0.2",
            "validation: 1.5",
            "pets.yaml:8:15 data.validation: the number 1.5 does not fit; it must be a number above"
            " 0 and below 1, or the name of a folder",
        ),
        (
            "validation: 0.2",
            "validation: ../test",
            'pets.yaml:8:15 data.validation: the text "../test" does not fit; it must be a number'
            " above 0 and below 1, or the name of a folder",
        ),
        (
            "data:\n  validation: 0.2",
            "data: photos",
            'pets.yaml:7:7 data: the text "photos" does not fit; it must be a section with the keys'
            " root, source, validation, test, limit, resize, normalization, cache, cache_gb,"
            " stored_resolution",
        ),
        (
            "batch_size: 32",
            "early_stopping: 15",
            "pets.yaml:3:17 early_stopping: the number 15 does not fit; it must be a section with"
            " the keys monitor, patience, or null",
        ),
        (
            "batch_size: 32",
            "augmentation: {brightness: [0.7]}",
            "pets.yaml:3:28 augmentation.brightness: a list of 1 does not fit; it must be a list of"
            " 2, each a number from 0 to 10, or null",
        ),
        (
            "batch_size: 32",
            "augmentation: {brightness: [1.3, 0.7]}",
            "pets.yaml:3:28 augmentation.brightness: a list of 2 does not fit: 1.3 is more than"
            " 0.7; give the lower one first",
        ),
        (
            "resolution: 96",
            'scaling: {channels: [24, "48", 96]}',
            'pets.yaml:6:28 model.scaling.channels[1]: the text "48" does not fit; it must be an'
            " even number from 2 to 8192, without quotes",
        ),
        (
            "name: pets",
            'name: "pets\\nand\\e[31mmore"',
            r'pets.yaml:1:7 name: the text "pets\nand\x1b[31mmore" does not fit; it must be a name'
            " of letters, digits, '_', '-' and '.'",
        ),
    ],
)
def test_a_wrong_value_is_answered_with_what_was_found_and_what_is_allowed(
    errors: Errors, old: str, new: str, line: str
) -> None:
    assert errors((old, new)) == [line]


@pytest.mark.parametrize(
    ("filename", "why"),
    [
        ("{epoch}.h5", "the name must end in .weights.h5 or .keras"),
        ("a/{epoch}.keras", "it is a file name in the run's folder; no folder can be given"),
        ("{epoch.keras", "the braces do not match: expected '}' before end of string"),
        (
            "{epoch.__class__}.keras",
            "{epoch.__class__} is not known;"
            " allowed: epoch, loss, accuracy, val_loss, val_accuracy",
        ),
        (
            "{epoch:999999999d}.keras",
            "{epoch:999999999d} is no format for it; write it like {epoch:03d}",
        ),
        ("{epoch}{loss:x}.keras", "{loss:x} is no format for it; write it like {loss:.5f}"),
        ("best.keras", "without {epoch} each checkpoint would overwrite the one before it"),
    ],
)
def test_a_checkpoint_is_named_by_a_harmless_template(
    errors: Errors, filename: str, why: str
) -> None:
    lines = errors(("batch_size: 32", f'checkpoints: {{filename: "{filename}"}}'))
    assert lines == [
        f'pets.yaml:3:25 checkpoints.filename: the text "{filename}" does not fit: {why}'
    ]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "name: pets\n",
            "",
            "pets.yaml:1:1 name: this key is missing; it must be a name of letters, digits, '_',"
            " '-' and '.'",
        ),
        (
            "  name: parnet_s\n",
            "",
            "pets.yaml:4:1 model.name: this key is missing; it must be the name of a registered"
            " backbone, or give model.spec",
        ),
    ],
)
def test_a_missing_key_is_reported_where_it_should_have_been(
    errors: Errors, old: str, new: str, line: str
) -> None:
    assert errors((old, new)) == [line]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "resolution: 96",
            "resolution: 100",
            "pets.yaml:6:15 model.resolution: 100 pixels do not fit; parnet_s takes multiples of"
            " 32, the nearest are 96 and 128",
        ),
        (
            "name: parnet_s",
            "name: parnet_xs",
            "pets.yaml:5:9 model.name: no backbone is called 'parnet_xs'; did you mean parnet_s or"
            " parnet_xl or parnet_m?",
        ),
        (
            "resolution: 96",
            "scaling: {channels: [24, 48], branches: 3}",
            "pets.yaml:6:23 model.scaling.channels: 2 given for 3 branches; one number for each"
            " branch is needed",
        ),
        (
            "resolution: 96",
            "scaling: {channels: [23, 48]}",
            "pets.yaml:6:24 model.scaling.channels[0]: the number 23 does not fit; it must be an"
            " even number from 2 to 8192",
        ),
        (
            "resolution: 96",
            "scaling: {depth: [4, 5]}",
            "pets.yaml:6:20 model.scaling.depth: 2 given for 3 branches; one number for each branch"
            " is needed",
        ),
        (
            "resolution: 96",
            "resolution: 96\n  scaling: {branches: 4}",
            "pets.yaml:6:15 model.resolution: 96 pixels do not fit; this network takes multiples of"
            " 64, the nearest are 64 and 128",
        ),
        (
            "resolution: 96",
            "scaling: {width: 16}",
            "pets.yaml:6:3 model.scaling.final_channels: the number 20480 does not fit; it must be"
            " a whole number from 1 to 16384",
        ),
        (
            "resolution: 96",
            "scaling: {multiple: 16}",
            "pets.yaml:6:23 model.scaling.multiple: it rounds what width gives; give width too, or"
            " remove it",
        ),
        (
            "resolution: 96",
            "spec: {base: parnet_m}",
            "pets.yaml:6:9 model.spec: model.name says which network too; keep one of the two",
        ),
        (
            "resolution: 96",
            "scaling: {width: 0.5, channels: [24, 48, 96]}",
            "pets.yaml:6:20 model.scaling.width: width and channels both set the channels; keep one"
            " of the two",
        ),
        (
            "warmup_epochs: 2",
            "warmup_epochs: 5",
            "pets.yaml:15:18 schedule.warmup_epochs: a warm-up of 5 epochs does not fit into a"
            " training of 5; it must be shorter",
        ),
        (
            "warmup_epochs: 2",
            "decay: 0.95",
            "pets.yaml:15:10 schedule.decay: the cosine schedule has no decay; remove it or use"
            " exponential or step",
        ),
        (
            "name: cosine",
            "name: exponential",
            "pets.yaml:13:1 schedule.decay: the exponential schedule needs it; for example 0.95",
        ),
        (
            "name: sgd",
            "name: adam",
            "pets.yaml:12:13 optimizer.momentum: adam has no such setting; remove it or use sgd"
            " or rmsprop",
        ),
        (
            "momentum: 0.9",
            "nesterov: true",
            "pets.yaml:12:13 optimizer.nesterov: it needs a momentum above 0; set"
            " optimizer.momentum",
        ),
        (
            "validation: 0.2",
            "validation: train",
            "pets.yaml:8:15 data.validation: training images cannot validate the training; give"
            " another folder, or a part of train such as 0.1",
        ),
    ],
)
def test_fields_that_contradict_each_other_are_reported_at_the_one_to_change(
    errors: Errors, old: str, new: str, line: str
) -> None:
    assert errors((old, new)) == [line]


def test_all_mistakes_of_a_file_are_reported_at_once_from_top_to_bottom(errors: Errors) -> None:
    lines = errors(
        ("batch_size: 32", "batch_size: many"),
        ("resolution: 96", "resolution: 100"),
        ("validation: 0.2", "validation: train"),
        ("learning_rate", "learnig_rate"),
        ("warmup_epochs: 2", "warmup_epochs: 7\n  name: constant"),
    )
    assert [line.split(": ")[0] for line in lines] == [
        "pets.yaml:3:13 batch_size",
        "pets.yaml:6:15 model.resolution",
        "pets.yaml:8:15 data.validation",
        "pets.yaml:11:3 optimizer.learnig_rate",
        "pets.yaml:15:18 schedule.warmup_epochs",
        "pets.yaml:16:3 schedule.name",
    ]


def test_a_wrong_field_is_not_blamed_for_more_than_itself(errors: Errors) -> None:
    # Without its misspelt channels the network would also lack branches for this depth.
    lines = errors(("resolution: 96", "scaling: {chanels: [24, 48], depth: [2, 2]}"))
    assert lines == ["pets.yaml:6:13 model.scaling.chanels: unknown key; did you mean channels?"]
    # And a training of unknown length cannot be too short.
    lines = errors(("epochs: 5", "epochs: long"))
    assert len(lines) == 1


def test_a_misspelt_key_beside_the_right_one_hides_nothing(errors: Errors) -> None:
    lines = errors(("epochs: 5", "epochs: 5\nmodle: {name: parnet_s}"),
                   ("resolution: 96", "resolution: 100"))  # fmt: skip
    assert [line.split(": ")[0] for line in lines] == [
        "pets.yaml:3:1 modle", "pets.yaml:7:15 model.resolution",
    ]  # fmt: skip


def test_problems_can_be_read_by_programs(tmp_path: Path) -> None:
    path = tmp_path / "pets.yaml"
    path.write_text(GOOD.replace("epochs: 5", "epochs: 0"))
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    [problem] = caught.value.problems
    assert problem == Problem(
        line=2,
        column=9,
        source=str(path),
        field="epochs",
        message="the number 0 does not fit; it must be a whole number from 1 to 100000",
    )


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        (
            "optimizer.learnig_rate=1",
            "--set optimizer.learnig_rate: unknown key; did you mean learning_rate?",
        ),
        (
            "learning_rate=1",
            "--set learning_rate: unknown key; did you mean optimizer.learning_rate?",
        ),
        ("epochs.first=1", "--set epochs.first: unknown key; epochs has no keys of its own"),
        (
            "epochs=many",
            '--set epochs: the text "many" does not fit; it must be a whole number from 1 to'
            " 100000",
        ),
        (
            "model.resolution=100",
            "--set model.resolution: 100 pixels do not fit; parnet_s takes multiples of 32, the"
            " nearest are 96 and 128",
        ),
        (
            "model.scaling.branches=4",
            "--set model.scaling.branches: model.resolution: 96 pixels do not fit; this network"
            " takes multiples of 64, the nearest are 64 and 128",
        ),
        (
            "optimizer=adam",
            '--set optimizer: the text "adam" does not fit; it must be a section with the keys'
            " name, learning_rate, weight_decay, decay_all, momentum, nesterov, clip_norm,"
            " accumulation, layer_decay",
        ),
        (
            "data={limt: 3}",
            "--set data.limt: unknown key; did you mean limit?",
        ),
        (
            "model.scaling.channels=[24, x]",
            '--set model.scaling.channels[1]: the text "x" does not fit; it must be an even number'
            " from 2 to 8192",
        ),
        (
            "model.scaling.channels=[24,",
            "--set model.scaling.channels: not valid YAML: expected the node content, but found"
            " '<stream end>' while parsing a flow node",
        ),
        (
            "model.scaling.channels=[*x]",
            "--set model.scaling.channels: aliases (*name) are not allowed; write the value out",
        ),
        (
            "model.scaling.channels.0=24",
            "--set model.scaling.channels[0]: the recipe has no list model.scaling.channels to"
            " change an item of; set it as a whole",
        ),
        (
            "progressive=[{until: 0.5, resolution: 64}, {until: 0.5, resolution: 96}]",
            "--set progressive[1].until: 0.5 is not after 0.5, where the stage before it ends; put"
            " the stages in ascending order",
        ),
        (
            "epochs",
            "--set epochs: write it as --set key.path=value, such as"
            " --set optimizer.learning_rate=1e-3",
        ),
        (
            ".epochs=3",
            "--set '.epochs=3': write it as --set key.path=value, such as"
            " --set optimizer.learning_rate=1e-3",
        ),
    ],
)
def test_a_wrong_override_is_named_instead_of_a_place_in_the_file(
    errors: Errors, setting: str, line: str
) -> None:
    assert errors(overrides=[setting]) == [line]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"image_size": 100},
            "image_size=100 model.resolution: 100 pixels do not fit; parnet_s takes multiples of"
            " 32, the nearest are 96 and 128",
        ),
        (
            {"epochs": 1},
            "epochs=1 epochs: schedule.warmup_epochs: a warm-up of 2 epochs does not fit into a"
            " training of 1; it must be shorter",
        ),
        ({"imagesize": 64}, "imagesize=64 imagesize: unknown key; did you mean image_size?"),
        (
            {"model": "parnet_ss"},
            "model=parnet_ss model.name: no backbone is called 'parnet_ss'; did you mean parnet_s"
            " or parnet_m or parnet_l?",
        ),
        (
            {"optimizer": {"nme": "adam"}},
            "optimizer={'nme': 'adam'} optimizer.nme: unknown key; did you mean name?",
        ),
    ],
)
def test_a_wrong_keyword_is_named_instead_of_a_place_in_the_file(
    errors: Errors, changes: dict[str, Any], line: str
) -> None:
    assert errors(**changes) == [line]


def test_mistakes_of_the_file_and_of_overrides_come_together(errors: Errors) -> None:
    lines = errors(("epochs: 5", "epocs: 5"), overrides=["seed=-1", "sed=1"], epochs=0)
    assert [line.partition(": ")[0] for line in lines] == [
        "--set sed",
        "--set seed",
        "epochs=0 epochs",
        "pets.yaml:2:1 epocs",
    ]


def test_an_override_mends_a_wrong_value_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "pets.yaml").write_text(GOOD.replace("epochs: 5", "epochs: many"))
    assert load_recipe(tmp_path / "pets.yaml", epochs=7).recipe.epochs == 7
