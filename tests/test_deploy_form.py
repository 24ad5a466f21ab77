"""The deploy form: the same function, folded, for ParNet and for the blog's network."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import registry
from parnet_zoo.networks.agreement import agreement
from parnet_zoo.networks.batch_norm import BatchNorm
from parnet_zoo.networks.blog.spec import BlogScaling, BlogSpec
from parnet_zoo.networks.deploy_form import NoDeployFormError, to_deploy_form
from parnet_zoo.networks.dtype_policy import dtype_policy
from parnet_zoo.networks.spec import ParNetSpec
from tests.conftest import REPOSITORY
from tests.test_networks import (
    images,
    shaken,
    specs,
    trainable,
)

# Largest difference of a map or of logits, relative to their largest value.
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}
FAMILIES = ("parnet", "parnet_blog")
LAYERS = {
    "Activation", "Add", "Concatenate", "Conv2D", "Dense", "DepthwiseConv2D", "Flatten", "GetItem",
    "GlobalAveragePooling2D", "InputLayer", "Multiply", "ZeroPadding2D",
}  # fmt: skip
PERMUTING = {"BatchMatMul", "Gather", "GatherNd", "GatherV2", "Pack", "Reshape", "Transpose"}


def few_examples(count: int) -> settings:
    return settings(
        max_examples=count,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],  # shrinking would rebuild networks for minutes
    )


@st.composite
def blog_specs(draw: st.DrawFn, narrowest: int = 1) -> BlogSpec:
    half = -(-narrowest // 2)
    scaling = BlogScaling(
        stem_channels=draw(st.integers(narrowest, 16)),
        channels=tuple(2 * draw(st.integers(half, half + 6)) for _ in range(3)),
        depth=tuple(draw(st.integers(1, 2)) for _ in range(3)),
        final_channels=draw(st.integers(narrowest, 20)),
        activation=draw(st.sampled_from(["silu", "relu"])),
        in_channels=draw(st.integers(1, 4)),
        resolution=64,
    )
    return BlogSpec(name="drawn", scaling=scaling)


def specs_of(family: str, narrowest: int = 1) -> st.SearchStrategy[Any]:
    if family == "parnet":
        return specs(in_channels=(1, 4), narrowest=narrowest)
    return blog_specs(narrowest)


@dataclass(frozen=True)
class Drawn:
    """A network of any kind, with random weights and statistics."""

    spec: Any
    classes: int | None
    dtype: str
    seed: int

    def build(self) -> Any:
        keras.utils.set_random_seed(self.seed)
        with dtype_policy(self.dtype):
            model = shaken(self.spec.build(self.classes), self.seed)
        # Wild statistics lead to maps and gates so large that float32 alone, in either form, is
        # further from the truth than the tolerance; a trained network has not got those.
        return model if self.dtype == "float64" else settled(model, self.seed)


def settled(model: Any, seed: int) -> Any:
    """The model with BatchNorm statistics around those of real maps, as after training."""
    random = np.random.default_rng(seed)
    norms = [layer for layer in model.layers if isinstance(layer, BatchNorm)]
    for layer in norms:
        layer.momentum = 0.0
    model(images(side(model), 4, channels=model.image_shape[-1]), training=True)
    for layer in norms:
        mean, variance = np.asarray(layer.moving_mean), np.asarray(layer.moving_variance)
        layer.moving_mean.assign(mean + random.normal(0, 0.3, mean.shape) * np.sqrt(variance))
        layer.moving_variance.assign(variance * random.uniform(0.5, 2, mean.shape) + 0.05)
    return model


def drawn(family: str) -> st.SearchStrategy[Drawn]:
    def of(dtype: str) -> st.SearchStrategy[Drawn]:
        # A map of two channels after ReLU may be zero but for what cancellation leaves, to which
        # float32's rounding in either form is no longer small.
        specs = specs_of(family, narrowest=1 if dtype == "float64" else 8)
        classes = st.none() | st.integers(4, 9)
        return st.builds(
            Drawn, spec=specs, classes=classes, dtype=st.just(dtype), seed=st.integers(0, 999)
        )

    return st.sampled_from(sorted(TOLERANCE)).flatmap(of)


@cache
def small(family: str, classes: int | None = None) -> Any:
    """A small network with random weights and statistics, which no test may change."""
    return built(family, classes)


def built(family: str, classes: int | None = None) -> Any:
    keras.utils.set_random_seed(0)
    if family == "parnet":
        return shaken(registry.get("parnet_test").build(classes))
    scaling = BlogScaling(
        stem_channels=8, channels=(8, 12, 16), final_channels=24, depth=(1, 1, 1), resolution=64
    )
    return shaken(BlogSpec(name="small", scaling=scaling).build(classes))


def side(model: Any) -> int:
    """A size that the network is meant for; float32's sums over larger maps say less and less."""
    return 32 if getattr(model.scaling, "stem", "imagenet") == "small" else 64


def batches(model: Any) -> Iterator[np.ndarray]:
    """Images of the sizes that a small network takes, a square one and a wide one."""
    size, channels = side(model), model.image_shape[-1]
    dtype = "float64" if "float64" in {weight.dtype for weight in model.weights} else "float32"
    for width in [size] if model.image_shape[0] else [size, 2 * size]:
        yield images(size, 2, dtype, width=width, channels=channels)


def check_equal(got: Any, expected: Any, tolerance: float, what: str = "") -> None:
    got, expected = np.asarray(got), np.asarray(expected)
    assert np.isfinite(expected).all()
    scale = np.abs(expected).max()
    np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance * scale, err_msg=what)


def check_every_output(model: Any, tolerance: float) -> None:
    named = {**model.pyramid_outputs, **model.stage_outputs}
    training = keras.Model(model.input, named)
    deploy = to_deploy_form(model, outputs=list(named))
    for batch in batches(model):
        expected, got = training(batch), deploy(batch)
        assert set(got) == set(named)
        for name, value in expected.items():
            check_equal(got[name], value, tolerance, name)


def check_own_output(model: Any, tolerance: float) -> None:
    deploy = to_deploy_form(model)
    for batch in batches(model):
        check_equal(deploy(batch), model(batch), tolerance)


def check_structure(deploy: Any, model: Any) -> None:
    """No BatchNorm and no permutation, one 3x3 convolution a block and two in a fusion."""
    assert {type(operation).__name__ for operation in deploy.operations} <= LAYERS
    wide = [
        layer.name
        for layer in deploy.layers
        if isinstance(layer, keras.layers.Conv2D) and layer.kernel_size == (3, 3)
    ]
    for plan in model.topology.blocks:
        inside = [name for name in wide if name.startswith(f"{plan.name}_")]
        assert len(inside) == (2 if plan.kind == "fusion" else 1), plan.name
    assert len(wide) == sum(2 if plan.kind == "fusion" else 1 for plan in model.topology.blocks)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
@few_examples(10)
@given(data=st.data())
def test_any_network_computes_the_same_function(family: str, data: st.DataObject) -> None:
    network = data.draw(drawn(family))
    model, tolerance = network.build(), TOLERANCE[network.dtype]
    if network.classes is None:
        check_every_output(model, tolerance)
    check_own_output(model, tolerance)
    check_structure(to_deploy_form(model), model)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_head_and_every_named_output_are_those_of_the_training_form(family: str) -> None:
    check_own_output(small(family, 5), TOLERANCE["float32"])
    check_every_output(small(family), TOLERANCE["float32"])


@pytest.mark.slow
@pytest.mark.parametrize("size", [64, 128])
@pytest.mark.parametrize("branches", [1, 2, 3, 4])
def test_the_logits_agree_and_so_do_the_labels(branches: int, size: int) -> None:
    keras.utils.set_random_seed(0)
    spec = registry.get("parnet_test").scaled(branches=branches, resolution=64)
    model = shaken(spec.build(num_classes=10))
    found = agreement(model, to_deploy_form(model), [images(size), images(size)[:1]])
    scale = np.abs(np.asarray(model(images(size)))).max()
    assert found.images == 3
    assert found.logits < TOLERANCE["float32"] * scale
    assert found.same_label == 3


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_it_is_folded_anew_after_a_step_of_fine_tuning(family: str) -> None:
    model = built(family, 3)
    before = to_deploy_form(model)
    model.compile(keras.optimizers.SGD(0.1), "mse", run_eagerly=True)
    model.fit(images(64, 4), np.eye(3, dtype="float32")[[0, 1, 2, 0]], batch_size=4, verbose=0)
    check_own_output(model, TOLERANCE["float32"])
    moved = np.abs(np.asarray(before(images(64))) - np.asarray(model(images(64)))).max()
    assert moved > 1e-3


@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_that_folds_is_left_in_the_graph(family: str) -> None:
    model = small(family)
    check_structure(to_deploy_form(model), model)
    check_structure(to_deploy_form(model, [*model.pyramid_outputs, *model.stage_outputs]), model)


@pytest.mark.skipif(keras.config.backend() != "tensorflow", reason="reads TensorFlow's graph")
@pytest.mark.parametrize("family", FAMILIES)
def test_no_kernel_permutes_or_reshapes_a_map(family: str) -> None:
    import tensorflow as tf

    model = small(family)
    deploy = to_deploy_form(model, [*model.pyramid_outputs, *model.stage_outputs])
    images_of = tf.TensorSpec((None, 64, 64, 3))
    graph = tf.function(deploy).get_concrete_function(images_of).graph
    # on maps, not on weights: Keras reshapes a bias
    on_maps = {
        operation.type
        for operation in graph.get_operations()
        if any(tensor.shape.rank == 4 and tensor.shape[0] is None for tensor in operation.inputs)
    }
    assert {"Conv2D", "ConcatV2", "StridedSlice", "Mean"} <= on_maps
    assert not on_maps & PERMUTING
    assert not {kind for kind in on_maps if "BatchNorm" in kind or "Space" in kind}


@pytest.mark.parametrize("family", FAMILIES)
def test_only_the_fusions_are_scaled_and_shifted_over_the_whole_map(family: str) -> None:
    model = small(family)
    deploy = to_deploy_form(model)
    over_maps = {
        layer.name
        for layer in deploy.layers
        if isinstance(layer, keras.layers.DepthwiseConv2D) and layer.output.shape[1:3] != (1, 1)
    }
    assert over_maps == {
        f"merge_{number}_{role}_bn" for number in (1, 2) for role in ("stream", "previous")
    }


def test_one_output_draws_no_more_than_leads_to_it() -> None:
    deploy = to_deploy_form(small("parnet"), outputs=["stem_1"])
    assert set(deploy.output) == {"stem_1"}
    assert {layer.name.partition("_")[0] for layer in deploy.layers} == {"image", "stem"}


def test_one_name_may_stand_alone_and_two_may_name_the_same_map() -> None:
    model = small("parnet")
    assert set(to_deploy_form(model, "P3").output) == {"P3"}
    both = to_deploy_form(model, ["P4", "merge_2"])(images(64))
    np.testing.assert_array_equal(both["P4"], both["merge_2"])


def test_it_also_runs_at_sizes_that_the_training_form_does_not_take() -> None:
    deploy = to_deploy_form(small("parnet"))
    maps = np.asarray(deploy(images(100, width=70)))
    assert maps.shape == (2, 4, 3, 64)
    assert np.isfinite(maps).all()


@pytest.mark.parametrize(
    ("outputs", "what"),
    [
        (["P3", "P9", "stem_7"], "it has no output P9 or stem_7; there are P1, P2, P3, P4, P5, st"),
        ([], "no output was named; there are P1, P2, P3, P4, P5, stem_0, stem_1, enter_1"),
    ],
)
def test_an_unknown_output_is_answered_with_those_that_exist(outputs: list[str], what: str) -> None:
    with pytest.raises(registry.SpecError, match=f"^parnet_test: {what}") as caught:
        to_deploy_form(small("parnet"), outputs)
    assert "\n" not in str(caught.value)


def test_a_network_that_cannot_be_folded_is_refused_in_one_sentence() -> None:
    plain = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()], name="plain")
    with pytest.raises(NoDeployFormError, match=r"^'plain' has no deploy form: Seq"):
        to_deploy_form(plain)
    folded = to_deploy_form(small("parnet"))
    with pytest.raises(NoDeployFormError, match="has no deploy form"):
        to_deploy_form(folded)


def test_any_family_may_say_how_it_is_folded() -> None:
    class Other(keras.Model):
        def draw_deploy_form(self, outputs: Any) -> Any:
            return "folded", outputs

    assert to_deploy_form(Other(), ["P3"]) == ("folded", ["P3"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("policy", "dtype"),
    [("mixed_bfloat16", "float32"), ("bfloat16", "float32"), ("float64", "float64")],
)
def test_it_computes_in_float32_unless_the_weights_are_float64(policy: str, dtype: str) -> None:
    with dtype_policy(policy):
        model = registry.get("parnet_test").build(num_classes=3)
    deploy = to_deploy_form(model)
    assert {weight.dtype for weight in deploy.weights} == {dtype}
    assert {layer.compute_dtype for layer in deploy.layers if layer.weights} == {dtype}
    assert keras.backend.standardize_dtype(deploy(images(64)).dtype) == dtype


@pytest.mark.slow
def test_half_precision_in_training_folds_to_what_its_weights_give_in_float32() -> None:
    with dtype_policy("mixed_bfloat16"):
        half = built("parnet", 3)
    single = built("parnet", 3)
    single.set_weights(half.get_weights())
    check_equal(to_deploy_form(half)(images(64)), single(images(64)), TOLERANCE["float32"])


@pytest.mark.parametrize("family", FAMILIES)
def test_folding_leaves_the_trained_network_as_it_was(family: str) -> None:
    model = small(family, 3)
    before = model.get_weights()
    to_deploy_form(model)
    for value, kept in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, kept)


@pytest.mark.slow
def test_saved_deploy_forms_load_without_this_project(tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", images(64))
    code = (
        "import sys; sys.modules['parnet_zoo'] = None\n"
        "import keras, numpy as np\n"
        "images = np.load('images.npy')\n"
        "for name in sys.argv[1:]:\n"
        "    outputs = keras.models.load_model(name + '.keras')(images)\n"
        "    outputs = outputs if isinstance(outputs, dict) else {'logits': outputs}\n"
        "    np.savez(name, **{key: np.asarray(value) for key, value in outputs.items()})\n"
    )
    expected = {}
    for family in FAMILIES:
        model = small(family)
        names = [*model.pyramid_outputs, *model.stage_outputs]
        for name, deploy in (
            (f"{family}_maps", to_deploy_form(model, names)),
            (f"{family}_logits", to_deploy_form(small(family, 3))),
        ):
            deploy.save(tmp_path / f"{name}.keras")
            outputs = deploy(images(64))
            expected[name] = outputs if isinstance(outputs, dict) else {"logits": outputs}
    command = [sys.executable, "-c", code, *expected]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    for name, outputs in expected.items():
        loaded = np.load(tmp_path / f"{name}.npz")
        assert set(loaded) == set(outputs)
        for key, value in outputs.items():
            check_equal(loaded[key], value, TOLERANCE["float32"], f"{name} {key}")


def untrainable(model: Any) -> int:
    return sum(int(np.prod(weight.shape)) for weight in model.non_trainable_weights)


def multiply_adds(model: Any) -> int:
    """Of all layers with a kernel, batch 1: each weight works once for every pixel of the output.

    A depthwise kernel and a grouped one have only the weights that an output channel reads.
    """
    return sum(
        int(np.prod(layer.kernel.shape)) * int(np.prod(layer.output.shape[1:-1]))
        for layer in model.layers
        if hasattr(layer, "kernel")
    )


def output_bytes(model: Any) -> int:
    """float32 bytes of the outputs of all layers, batch 1."""
    operations = [op for op in model._operations if not isinstance(op, keras.layers.InputLayer)]
    outputs = [output for op in operations for output in keras.tree.flatten(op.output)]
    return 4 * sum(int(np.prod(output.shape[1:])) for output in outputs)


def check_cost(spec: Any, classes: int | None) -> None:
    shape = (spec.resolution, spec.resolution, spec.scaling.in_channels)
    training = spec.build(num_classes=classes, image_shape=shape)
    for form, model in (("training", training), ("deploy", to_deploy_form(training))):
        cost = spec.cost(num_classes=classes, form=form)
        assert cost.parameters == trainable(model)
        assert cost.non_trainable == untrainable(model)
        assert cost.multiply_adds == multiply_adds(model)
        assert cost.activation_bytes == output_bytes(model)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
@few_examples(5)
@given(data=st.data())
def test_cost_from_any_spec_equals_both_drawn_forms(family: str, data: st.DataObject) -> None:
    check_cost(data.draw(specs_of(family)), data.draw(st.none() | st.integers(2, 9)))


@pytest.mark.slow
@pytest.mark.parametrize("name", registry.names("parnet*", hidden=True))
def test_cost_of_every_registered_network_equals_both_drawn_forms(name: str) -> None:
    classes = 2 if name.startswith("parnet_blog") else 1000  # those of the published counts
    check_cost(registry.get(name), classes)


def test_cost_with_and_without_a_head_equals_both_drawn_forms() -> None:
    spec = registry.get("parnet_test")
    assert isinstance(spec, ParNetSpec)
    check_cost(spec, 7)
    check_cost(spec, None)


@pytest.mark.slow
def test_the_benchmark_measures_both_forms_turn_by_turn() -> None:
    command = [
        sys.executable, "benchmarks/deploy_form.py", "--networks", "parnet_test", "--size", "64",
        "--batch", "1", "2", "--rounds", "2", "--json",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)
    result = json.loads(done.stdout)
    assert set(result["networks"]["parnet_test"]) == {"1", "2"}
    for found in result["networks"]["parnet_test"].values():
        for form in ("training", "deploy"):
            assert len(found["seconds_per_image"][form]) == 2
            assert found["images_per_second"][form] > 0
        assert found["ratio"] > 0
