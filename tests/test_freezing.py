"""Frozen stages keep their weights, to the bit, and the others learn."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import registry
from parnet_zoo.networks.blog.spec import BlogScaling, BlogSpec
from parnet_zoo.networks.dtype_policy import dtype_policy
from parnet_zoo.networks.freezing import freeze
from parnet_zoo.networks.stages import HEAD, stages_matching
from parnet_zoo.recipe import Recipe, RecipeError, load_recipe
from parnet_zoo.recipe.schema.optimizer import OptimizerSection
from parnet_zoo.training.moving_average import MovingAverage
from parnet_zoo.training.optimizers import build_optimizer
from parnet_zoo.training.start_lines import start_lines
from registry import SpecError
from tests.test_networks import images, shaken

SPEC = registry.get("parnet_test")
STAGES = (*SPEC.stages, HEAD)
BLOG = BlogSpec(
    name="blog_test",
    scaling=BlogScaling(
        stem_channels=8, channels=(8, 12, 16), final_channels=16, depth=(1, 2, 1), resolution=64
    ),
)


def stage_of(layer: Any) -> str:
    return next(stage for stage in STAGES if layer.name.startswith(f"{stage}_"))


def weights_by_stage(model: Any) -> dict[str, dict[str, np.ndarray]]:
    found: dict[str, dict[str, np.ndarray]] = {stage: {} for stage in STAGES}
    for layer in model.layers:
        for weight in layer.weights:
            found[stage_of(layer)][f"{layer.name}/{weight.name}"] = np.array(weight)
    return found


def trained(model: Any, *callbacks: Any, steps: int = 2) -> Any:
    """A few steps that shrink weights as well as fit them."""
    section = OptimizerSection(name="adamw", learning_rate=0.01, weight_decay=0.1, clip_norm=1.0)
    model.compile(
        build_optimizer(section),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        run_eagerly=True,
    )
    pictures, labels = images(32, 4 * steps), np.arange(4 * steps) % 3
    test = images(32, 2), np.arange(2)
    model.fit(
        pictures, labels, batch_size=4, validation_data=test, callbacks=list(callbacks), verbose=0
    )
    return model


@pytest.mark.parametrize(
    ("word", "stages"),
    [
        ("final", ["final"]),
        ("stem", ["stem_0", "stem_1"]),
        ("stream", ["stream_0", "stream_1", "stream_2"]),
        ("stream_1", ["stream_1"]),
        ("stream_[01]", ["stream_0", "stream_1"]),
        ("*_0", ["stem_0", "stream_0", "merge_0"]),
        ("head", ["head"]),
        ("*", list(STAGES)),
    ],
)
def test_a_stage_is_chosen_by_name_by_group_or_by_pattern(word: str, stages: list[str]) -> None:
    assert list(stages_matching(word, STAGES, "it")) == stages


@pytest.mark.parametrize("word", ["strem_0", "stem_2", "stream_*_block", "", "Final", "x" * 500])
def test_an_unknown_stage_is_answered_with_those_that_there_are(word: str) -> None:
    with pytest.raises(SpecError) as caught:
        stages_matching(word, STAGES, "parnet_test")
    message = str(caught.value)
    assert message.startswith(f"parnet_test has no stage {word!r}; ")
    assert message.endswith(
        "there are stem_0, stem_1, enter_1, enter_2, stream_0, stream_1, stream_2, merge_0,"
        " merge_1, merge_2, final, head, and for several at once stem, enter, stream, merge"
    )
    assert ("did you mean stream_0?" in message) == (word == "strem_0")


@pytest.mark.parametrize("spec", [SPEC, BLOG], ids=["parnet", "blog"])
def test_a_spec_knows_its_stages_and_their_parameters(spec: registry.BackboneSpec) -> None:
    model = spec.build()
    assert list(spec.stages) == list(model.stage_outputs)
    counted = Counter[str]()
    for layer in model.layers:
        if layer.trainable_weights:
            stage = next(stage for stage in spec.stages if layer.name.startswith(f"{stage}_"))
            counted[stage] += sum(int(np.prod(weight.shape)) for weight in layer.trainable_weights)
    assert counted == spec.stages


def test_frozen_weights_are_not_among_the_trainable_ones() -> None:
    model = SPEC.build(num_classes=3)
    assert freeze(model, ["stream_0", "stem"]) == ("stem_0", "stem_1", "stream_0")
    frozen = [layer for layer in model.layers if stage_of_weights(layer) in FROZEN]
    assert not any(layer.trainable_weights for layer in frozen)
    left = {id(weight) for weight in model.trainable_weights}
    others = [layer for layer in model.layers if layer not in frozen]
    assert left == {id(weight) for layer in others for weight in layer.trainable_weights}
    model.compile(keras.optimizers.Adam())
    model.optimizer.build(model.trainable_variables)
    # Adam's rate and counter, and two moments for each weight that is trained
    assert len(model.optimizer.variables) == 2 + 2 * len(left)


FROZEN = {"stem_0", "stem_1", "stream_0"}


def stage_of_weights(layer: Any) -> str | None:
    return stage_of(layer) if layer.weights else None


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "float64"])
def test_frozen_stages_stay_to_the_bit_and_the_others_learn(policy: str) -> None:
    with dtype_policy(policy):
        model = shaken(SPEC.build(num_classes=3))
        freeze(model, ["stem", "stream_0"])
        before = weights_by_stage(model)
        average = MovingAverage(model.weights, 0.9)
        trained(model)
        average.update(0.1)
        with average.in_place():
            after = weights_by_stage(model)
    for stage, weights in after.items():
        for name, value in weights.items():
            assert np.array_equal(value, before[stage][name]) == (stage in FROZEN), name


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "float64"])
def test_without_their_statistics_frozen_stages_adapt_those_and_nothing_else(policy: str) -> None:
    with dtype_policy(policy):
        model = shaken(SPEC.build(num_classes=3))
        freeze(model, ["stem", "stream_0"], statistics=False)
        before = weights_by_stage(model)
        after = weights_by_stage(trained(model))
    for stage in FROZEN:
        for name, value in after[stage].items():
            moved = name.endswith(("moving_mean", "moving_variance"))
            assert np.array_equal(value, before[stage][name]) != moved, name


def test_frozen_statistics_are_what_training_normalises_by() -> None:
    pictures = images(32, 4)
    model = shaken(SPEC.build(num_classes=3))
    stem = keras.Model(model.inputs, model.stage_outputs["stem_1"])
    learning = np.array(stem(pictures, training=True))
    inference = np.array(stem(pictures, training=False))
    assert np.abs(learning - inference).max() > 0.1
    freeze(model, ["stem"])
    np.testing.assert_array_equal(stem(pictures, training=True), inference)


def executed(graph: Any) -> set[Any]:
    """The operations that lead to a result or an assignment; TensorFlow runs no others."""
    found: set[Any] = set()
    ahead = [*(output.op for output in graph.outputs), *graph.control_outputs]
    while ahead:
        operation = ahead.pop()
        if operation not in found:
            found.add(operation)
            ahead += [tensor.op for tensor in operation.inputs] + list(operation.control_inputs)
    return found


@pytest.mark.slow
def test_no_gradient_is_computed_for_what_is_frozen() -> None:
    model = SPEC.build(num_classes=3)
    freeze(model, [stage for stage in SPEC.stages if stage != "final"])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    step = tf.function(lambda x, y: model.train_step((x, y)))
    graph = step.get_concrete_function(
        tf.TensorSpec((4, 32, 32, 3)), tf.TensorSpec((4,), tf.int32)
    ).graph
    kinds = Counter(operation.type for operation in executed(graph))
    # the 3x3, the 1x1 and the gate of the final block, with their two BatchNorms
    assert kinds["Conv2DBackpropFilter"] == 3
    assert kinds["FusedBatchNormGradV3"] == 2
    assert kinds["Conv2DBackpropInput"] == 0


def test_something_must_be_left_to_train() -> None:
    model, headless = SPEC.build(num_classes=3), SPEC.build()
    everything = len(model.trainable_weights)
    with pytest.raises(SpecError, match=r"nothing is left to train; name some in place of \*$"):
        freeze(model, ["*"])
    with pytest.raises(SpecError, match="nothing is left to train; leave one out"):
        freeze(model, [*SPEC.stages, "head"])
    with pytest.raises(SpecError, match="nothing is left to train"):
        freeze(headless, ["*"])
    with pytest.raises(SpecError, match="has no stage 'head'"):
        freeze(headless, ["head"])
    assert len(model.trainable_weights) == everything
    assert freeze(model, list(SPEC.stages)) == tuple(SPEC.stages)
    assert [weight.path.split("/")[-2] for weight in model.trainable_weights] == [
        "head_logits",
        "head_logits",
    ]


def test_one_word_need_not_be_in_a_list() -> None:
    assert freeze(SPEC.build(num_classes=3), "stem") == ("stem_0", "stem_1")


def test_a_network_without_stages_says_so() -> None:
    plain = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)], name="plain")
    with pytest.raises(SpecError, match="plain has no named stages"):
        freeze(plain, ["stem"])


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    text = """\
name: pets
epochs: 1
model:
  name: parnet_test
  freeze: [stem, strem_0, final]
"""
    Path("pets.yaml").write_text(text)
    return Path("pets.yaml")


def test_a_recipe_with_an_unknown_stage_is_refused_at_its_place(recipe: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe(recipe)
    assert str(caught.value).startswith(
        "pets.yaml:5:18 model.freeze[1]: parnet_test has no stage 'strem_0'; did you mean stream_0?"
    )
    with pytest.raises(RecipeError) as caught:
        load_recipe(recipe, ['model.freeze=["*"]'])
    assert str(caught.value) == (
        "--set model.freeze: with all of it frozen, nothing is left to train; name what is to be"
        " frozen, without head"
    )


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("strem_*", "matches 'strem_*'; did you mean 'stream_*'? there are stem_0, "),
        ("strem*", "did you mean 'stream*'? "),
        ("strem_[01]", "did you mean 'stream_[01]'? "),
        ("streem_0*", "did you mean 'stream_0*'? "),
        ("*zzz", "has no stage '*zzz'; there are stem_0, "),
        ("zzz*", "has no stage 'zzz*'; there are stem_0, "),
    ],
)
def test_a_pattern_for_no_stage_is_answered_with_the_nearest_pattern(
    recipe: Path, word: str, hint: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe(recipe, [f"model.freeze=['{word}']"])
    assert str(caught.value).startswith("--set model.freeze[0]: ")
    assert hint in str(caught.value)


def test_a_network_without_named_stages_is_refused_before_anything_is_loaded(recipe: Path) -> None:
    text = recipe.read_text().replace("parnet_test", "resnet50").replace("strem_0, final", "head")
    recipe.write_text(text + "  weights: nowhere.weights.h5\n")
    with pytest.raises(RecipeError) as caught:
        load_recipe(recipe)
    limits = registry.get("resnet50").limits
    assert str(caught.value) == (
        "pets.yaml:5:11 model.freeze: resnet50 has no named stages, so none of them can be frozen;"
        f" {limits}"
    )


@pytest.mark.parametrize("stages", ["[]", "[head]"])
def test_statistics_are_not_let_free_where_none_are_frozen(recipe: Path, stages: str) -> None:
    recipe.write_text(
        recipe.read_text().replace("[stem, strem_0, final]", stages)
        + "  freeze_statistics: false\n"
    )
    with pytest.raises(RecipeError) as caught:
        load_recipe(recipe)
    assert str(caught.value) == (
        "pets.yaml:6:22 model.freeze_statistics: no stage with statistics is frozen; name one in"
        " model.freeze, or remove it"
    )
    assert not load_recipe(recipe, ["model.freeze=[final]"]).recipe.model.freeze_statistics


def start(**model: Any) -> list[str]:
    recipe = Recipe.model_validate(
        {"name": "x", "epochs": 1, "model": {"name": "parnet_test", **model}}
    )
    cost = recipe.spec().cost(num_classes=3)
    return list(start_lines(recipe, cost))


def test_the_plan_names_weights_and_frozen_stages_with_the_part_that_is_trained() -> None:
    assert start() == []
    total = SPEC.cost(num_classes=3).parameters
    share = 1 - (SPEC.stages["stem_0"] + SPEC.stages["stem_1"]) / total
    assert start(weights="models:/pets@champion", freeze=("stem",)) == [
        "weights         models:/pets@champion",
        f"frozen          stem_0, stem_1, with their statistics; {share:.1%} of the parameters are"
        " trained",
    ]
    [line] = start(freeze=tuple(SPEC.stages), freeze_statistics=False)
    assert line.endswith(f"without their statistics; {(64 * 3 + 3) / total:.1%} of the parameters"
                         " are trained")  # fmt: skip


@pytest.mark.parametrize(
    ("stages", "statistics", "words"),
    [
        (["head"], True, "head;"),
        (["stem_0"], True, "stem_0, with its statistics;"),
        (["final", "head"], False, "final, without its statistics, and head;"),
        (["stem", "head"], True, "stem_0, stem_1, with their statistics, and head;"),
    ],
)
def test_the_plan_speaks_of_statistics_where_there_are_some(
    stages: list[str], statistics: bool, words: str
) -> None:
    [line] = start(freeze=stages, freeze_statistics=statistics)
    assert line.startswith(f"frozen          {words} ")
