"""ParNet as a Keras model: sizes, outputs, cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import strategies as st

import registry
from parnet_zoo.networks.agreement import agreement
from parnet_zoo.networks.batch_norm import BatchNorm
from parnet_zoo.networks.dtype_policy import dtype_policy
from parnet_zoo.networks.halves_conv import HalvesConv2D
from parnet_zoo.networks.spec import ParNetSpec, ScalingSpec

# Exact counts of the references, 1000 classes: trainable parameters of the training form, and
# multiply-adds of training and deploy form at 224 px in 10^9. Those of the deploy form are the
# authors', who do not count scales and shifts per channel: less than 0.001 here.
TABLE = {
    "parnet_s_release": (20_930_936, 5.260, 4.734),
    "parnet_s": (20_983_848, 5.374, 4.837),
    "parnet_m": (38_953_256, 9.535, 8.582),
    "parnet_l": (60_180_008, 14.804, 13.324),
    "parnet_xl": (93_176_168, 23.016, 20.716),
}


def trainable(model: Any) -> int:
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def shaken(model: Any, seed: int = 0) -> Any:
    """The model with random weights and random, realistic BatchNorm statistics."""
    random = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, BatchNorm):
            size = layer.gamma.shape
            layer.set_weights(
                [
                    random.uniform(0.5, 1.5, size),
                    random.normal(0, 0.3, size),
                    random.normal(0, 0.3, size),
                    random.uniform(0.5, 2, size),
                ]
            )
        elif getattr(layer, "use_bias", False):
            layer.bias.assign(random.normal(0, 0.3, layer.bias.shape))
    return model


def images(
    size: int, count: int = 2, dtype: str = "float32", *, width: int = 0, channels: int = 3
) -> np.ndarray:
    shape = (count, size, width or size, channels)
    return np.random.default_rng(1).random(shape).astype(dtype)


def specs(
    depth: int = 2, *, in_channels: tuple[int, int] = (3, 3), narrowest: int = 1
) -> st.SearchStrategy[ParNetSpec]:
    """Small valid ParNets of every kind, with no width below `narrowest` but that of the image."""

    @st.composite
    def draw(draw: st.DrawFn) -> ParNetSpec:
        branches = draw(st.integers(1, 4))
        half = -(-narrowest // 2)
        evens = st.integers(half, half + 6).map(lambda half: 2 * half)
        scaling = ScalingSpec(
            branches=branches,
            channels=tuple(draw(evens) for _ in range(branches)),
            depth=tuple(draw(st.integers(1, depth)) for _ in range(branches)),
            final_channels=draw(st.integers(narrowest, 20)),
            stem=draw(st.sampled_from(["imagenet", "small"])),
            activation=draw(st.sampled_from(["silu", "relu"])),
            in_channels=draw(st.integers(*in_channels)),
            resolution=64,
        )
        return ParNetSpec(name="drawn", scaling=scaling)

    return draw()


@pytest.mark.parametrize("name", TABLE)
def test_cost_from_the_spec_is_the_published_table(name: str) -> None:
    parameters, training, deploy = TABLE[name]
    spec = registry.get(name)
    assert spec.cost().parameters == parameters
    assert spec.cost().multiply_adds / 1e9 == pytest.approx(training, abs=6e-4)
    assert spec.cost(form="deploy").multiply_adds / 1e9 == pytest.approx(deploy, abs=1.1e-3)


def test_the_built_network_has_exactly_the_published_parameters() -> None:
    # of every registered network, test_deploy_form.py compares what is built with the cost above
    assert trainable(registry.get("parnet_s").build(num_classes=1000)) == TABLE["parnet_s"][0]


def test_headless_it_gives_the_final_map_and_with_classes_logits() -> None:
    spec = registry.get("parnet_test")
    assert spec.build()(images(64)).shape == (2, 2, 2, 64)
    assert spec.build(num_classes=7)(images(64)).shape == (2, 7)
    assert spec.build(num_classes=7)(images(96)).shape == (2, 7)


def test_the_pyramid_has_one_map_for_each_stride_by_name_and_as_tensor() -> None:
    model = registry.get("parnet_test").build()
    assert list(model.pyramid_outputs) == ["P1", "P2", "P3", "P4", "P5"]
    assert list(model.pyramid_level_inputs) == ["P1", "P2", "P3", "P4", "P5"]
    both = keras.Model(model.input, [model.pyramid_outputs, model.output])
    maps, final = both(images(64))
    assert {level: out.shape[1] for level, out in maps.items()} == {
        "P1": 32, "P2": 16, "P3": 8, "P4": 4, "P5": 2,
    }  # fmt: skip
    np.testing.assert_array_equal(maps["P5"], final)
    for level, layer in model.pyramid_level_inputs.items():
        assert model.get_layer(layer).output is model.pyramid_outputs[level]


def test_every_stage_is_a_named_output() -> None:
    model = registry.get("parnet_test").build()
    assert list(model.stage_outputs) == [
        "stem_0", "stem_1", "enter_1", "enter_2", "stream_0", "stream_1", "stream_2",
        "merge_0", "merge_1", "merge_2", "final",
    ]  # fmt: skip


def test_a_comparison_with_what_is_no_number_or_on_no_image_does_not_pass() -> None:
    def constant(value: float) -> Any:
        return lambda batch, **_: np.full((len(batch), 2), value)

    assert np.isnan(agreement(constant(0), constant(np.nan), [images(8)]).probabilities)
    with pytest.raises(ValueError, match="on no image"):
        agreement(constant(0), constant(0), [])


def test_a_misspelt_option_of_build_is_refused() -> None:
    with pytest.raises(TypeError, match="num_class"):
        registry.get("parnet_test").build(num_class=3)


def test_a_saved_training_form_loads_equal(tmp_path: Path) -> None:
    model = shaken(registry.get("parnet_test").build(num_classes=3))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.scaling == model.scaling
    np.testing.assert_array_equal(np.asarray(loaded(images(64))), np.asarray(model(images(64))))


def test_mixed_precision_keeps_weights_statistics_and_logits_in_float32() -> None:
    with dtype_policy("mixed_bfloat16"):
        model = registry.get("parnet_test").build(num_classes=3)
    assert {weight.dtype for weight in model.weights} == {"float32"}
    assert keras.backend.standardize_dtype(model(images(64)).dtype) == "float32"
    assert model.get_layer("stem_0_dense_conv").compute_dtype == "bfloat16"


def test_fused_batch_norm_is_keras_own_but_for_the_unbiased_variance() -> None:
    random = np.random.default_rng(0)
    x = random.normal(3, 2, (4, 5, 5, 6)).astype("float32")
    ours = BatchNorm()
    theirs = keras.layers.BatchNormalization(epsilon=1e-5, momentum=0.9)
    for layer in (ours, theirs):
        layer.build(x.shape)
        layer.gamma.assign(random.uniform(0.5, 2, 6))
    ours.gamma.assign(theirs.gamma)
    np.testing.assert_allclose(ours(x, training=True), theirs(x, training=True), atol=1e-5)
    np.testing.assert_allclose(ours.moving_mean, theirs.moving_mean, rtol=1e-5)
    count = 4 * 5 * 5
    unbiased = (np.asarray(theirs.moving_variance) - 0.9) * count / (count - 1) + 0.9
    np.testing.assert_allclose(ours.moving_variance, unbiased, rtol=1e-5)
    theirs.moving_variance.assign(ours.moving_variance)
    np.testing.assert_allclose(ours(x), theirs(x), atol=1e-5)


def test_a_frozen_batch_norm_keeps_its_statistics() -> None:
    layer = BatchNorm()
    x = images(8)
    layer.build(x.shape)
    layer.trainable = False
    before = np.asarray(layer.moving_mean).copy()
    layer(x, training=True)
    np.testing.assert_array_equal(layer.moving_mean, before)


@pytest.mark.parametrize("policy", ["float64", "float16"])
def test_batch_norm_works_where_the_fused_kernel_does_not_or_in_half_precision(policy: str) -> None:
    layer = BatchNorm(dtype=policy if policy == "float64" else "mixed_float16")
    out = layer(images(8), training=True)
    assert keras.backend.standardize_dtype(out.dtype) == policy
    np.testing.assert_allclose(np.asarray(out, "float64").mean((0, 1, 2)), 0, atol=2e-3)


def test_a_convolution_on_halves_is_the_grouped_convolution() -> None:
    x = np.random.default_rng(0).normal(size=(2, 7, 7, 8)).astype("float32")
    ours = HalvesConv2D(6, 3, padding="same")
    theirs = keras.layers.Conv2D(6, 3, padding="same", groups=2)
    theirs.build(x.shape)
    ours.build(x.shape)
    ours.set_weights(theirs.get_weights())
    np.testing.assert_allclose(ours(x), theirs(x), atol=1e-5)


def test_gradients_reach_every_weight_under_the_fused_kernel() -> None:
    import tensorflow as tf

    model = registry.get("parnet_test").build(num_classes=3)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(images(64), training=True) ** 2)
    gradients = tape.gradient(loss, [weight.value for weight in model.trainable_weights])
    assert all(gradient is not None and np.any(gradient) for gradient in gradients)
