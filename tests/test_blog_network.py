"""The blog's network: its sizes, its outputs, its cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import registry
from parnet_zoo.networks.blog.spec import BlogScaling, BlogSpec
from parnet_zoo.networks.blog.topology import blog_topology
from parnet_zoo.networks.dtype_policy import dtype_policy
from parnet_zoo.recipe import load_recipe
from tests.test_deploy_form import check_cost
from tests.test_networks import images, shaken

# All weights of the blog's networks with 2 classes at 256 pixels, BatchNorm's statistics included.
WEIGHTS = {
    "parnet_blog_s": 19_781_634,
    "parnet_blog_m": 37_021_506,
    "parnet_blog_l": 57_765_506,
    "parnet_blog_xl": 90_158_226,
}
SMALL = BlogSpec(
    name="small",
    scaling=BlogScaling(
        stem_channels=8, channels=(8, 12, 16), final_channels=24, depth=(1, 1, 1), resolution=64
    ),
)


@pytest.mark.parametrize("name", WEIGHTS)
def test_the_weights_counted_from_the_spec_are_the_blogs(name: str) -> None:
    cost = registry.get(name).cost(num_classes=2)
    assert cost.parameters + cost.non_trainable == WEIGHTS[name]


def test_the_built_network_has_exactly_the_blogs_weights() -> None:
    # of every registered network, test_deploy_form.py compares what is built with the cost above
    network = registry.get("parnet_blog_s").build(num_classes=2)
    assert network.count_params() == WEIGHTS["parnet_blog_s"]


def test_the_registered_networks_are_the_blogs_and_promise_nothing_on_imagenet() -> None:
    assert {name: registry.get(name).widths for name in registry.names("parnet_blog_*")} == {
        "parnet_blog_s": (64, 96, 192, 384, 1280),
        "parnet_blog_m": (64, 128, 256, 512, 2048),
        "parnet_blog_l": (64, 160, 320, 640, 2560),
        "parnet_blog_xl": (64, 200, 400, 800, 3200),
    }
    for name in WEIGHTS:
        spec = registry.get(name)
        assert (spec.family, spec.stride, spec.depth) == ("parnet_blog", 64, 12)
        assert (spec.resolution, spec.published) == (256, None)
        assert "blog" in spec.source


@pytest.mark.slow
@pytest.mark.parametrize(("classes", "resolution"), [(3, 128), (2, 192)])
def test_the_cost_of_the_head_grows_with_the_resolution(classes: int, resolution: int) -> None:
    check_cost(SMALL.scaled(resolution=resolution), classes)
    at_64, larger = (SMALL.cost(num_classes=classes, resolution=size) for size in (64, resolution))
    pixels = (resolution // 64) ** 2
    assert larger.parameters - at_64.parameters == (pixels - 1) * 24 * classes
    assert SMALL.cost(num_classes=None, resolution=resolution).parameters == at_64.parameters - (
        24 * classes + classes
    )


def test_blocks_are_wired_in_the_blogs_order_of_creation() -> None:
    blocks = blog_topology(SMALL.scaling).blocks
    assert [(block.name, block.inputs, block.out_channels, block.scale) for block in blocks] == [
        ("stem_0", ("image",), 8, 2),
        ("stem_1", ("stem_0",), 8, 4),
        ("stream_0_block_0", ("stem_1",), 8, 4),
        ("merge_0", ("stream_0_block_0",), 12, 8),
        ("enter_1", ("stem_1",), 12, 8),
        ("stream_1_block_0", ("enter_1",), 12, 8),
        ("merge_1", ("merge_0", "stream_1_block_0"), 16, 16),
        ("enter_2", ("enter_1",), 16, 16),
        ("stream_2_block_0", ("enter_2",), 16, 16),
        ("merge_2", ("merge_1", "stream_2_block_0"), 16, 32),
        ("final", ("merge_2",), 24, 64),
    ]


def test_headless_it_takes_any_multiple_of_64_and_names_its_stages_and_its_pyramid() -> None:
    network = SMALL.build()
    assert network(images(64)).shape == (2, 1, 1, 24)
    assert network(images(64, width=128)).shape == (2, 1, 2, 24)
    assert list(network.stage_outputs) == [
        "stem_0", "stem_1", "enter_1", "enter_2", "stream_0", "stream_1", "stream_2",
        "merge_0", "merge_1", "merge_2", "final",
    ]  # fmt: skip
    for level, layer in network.pyramid_level_inputs.items():
        assert network.get_layer(layer).output is network.pyramid_outputs[level]
    levels = SMALL.build(image_shape=(128, 128, 3)).pyramid_outputs
    assert {level: output.shape[1] for level, output in levels.items()} == {
        "P1": 64, "P2": 32, "P3": 16, "P4": 8, "P5": 4, "P6": 2,
    }  # fmt: skip


def test_its_head_reads_every_pixel_of_the_last_map() -> None:
    network = SMALL.build(num_classes=3, image_shape=(128, 64, 3))
    assert network.output_shape == (None, 3)
    assert network.get_layer("head_logits").kernel.shape == (2 * 1 * 24, 3)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"image_shape": (100, 64, 3)}, "small takes images .* not 100 x 64; .* fits is 128 x 64"),
        ({"image_shape": (None, 64, 3), "num_classes": 2}, "needs a height and a width"),
        ({"image_shape": (64, 64, 1)}, "in_channels=3, but image_shape .* has 1"),
    ],
)
def test_an_input_that_does_not_fit_is_one_sentence(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(registry.SpecError, match=sentence) as caught:
        SMALL.build(**options)
    assert "\n" not in str(caught.value)


def test_images_that_do_not_fit_are_one_sentence_with_the_nearest_size() -> None:
    with pytest.raises(registry.SpecError, match=r"not 224 x 60; the nearest .* 256 x 64$"):
        SMALL.build()(images(224, width=60))
    with pytest.raises(registry.SpecError, match=r"multiples of 64, not 224; the nearest is 256"):
        registry.get("parnet_blog_s").cost(resolution=224)


def test_scaling_derives_a_named_network_of_the_same_family() -> None:
    spec = registry.get("parnet_blog_s").scaled(width=0.25, depth=(1, 2, 3), resolution=128)
    assert (spec.name, spec.family) == ("parnet_blog_s+w0.25+d1-2-3+r128", "parnet_blog")
    assert spec.widths == (16, 24, 48, 96, 320)
    assert (spec.resolution, spec.depth) == (128, 10)
    assert spec.source == "derived from parnet_blog_s"
    assert registry.get("parnet_blog_m").scaled() is registry.get("parnet_blog_m")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"branches": 2}, "parnet_blog_s: branches: parnet_blog has no such setting"),
        ({"stem": "small", "dropout": 0.1}, "parnet_blog_s: stem: .*; dropout: .* no such setting"),
        ({"resolution": 224}, "224 pixels do not fit.*multiples of 64.* are 192 and 256"),
        ({"channels": (96, 192)}, "parnet_blog_s: channels"),
        ({"channels": (96, 192, 383)}, "channels.*an even number"),
        ({"depth": (4, 5, 0)}, "parnet_blog_s: depth"),
        ({"width": -1}, "parnet_blog_s: width"),
    ],
)
def test_what_it_cannot_be_scaled_to_is_one_sentence(
    changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(registry.SpecError, match=sentence) as caught:
        registry.get("parnet_blog_s").scaled(**changes)
    assert "\n" not in str(caught.value)


def test_a_recipe_scales_it_and_sets_its_resolution() -> None:
    scaling = "model.scaling={width: 0.125, depth: [1, 1, 1]}"
    spec = load_recipe("dogcat_blog", [scaling], image_size=64).recipe.spec()
    assert spec.name == "parnet_blog_s+w0.125+d1-1-1+r64"
    assert spec.widths == (8, 16, 24, 48, 160)
    assert load_recipe("dogcat_blog", image_size=320).recipe.spec().resolution == 320


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("model.scaling={branches: 2}", "parnet_blog has no such setting"),
        ("model.resolution=224", "parnet_blog_s takes multiples of 64, the nearest are 192 and"),
    ],
)
def test_a_recipe_that_does_not_fit_is_told_where(setting: str, words: str) -> None:
    with pytest.raises(Exception, match=words) as caught:
        load_recipe("dogcat_blog", [setting])
    assert setting.partition("=")[0] in str(caught.value)


def test_its_batch_norm_has_keras_defaults_and_its_gates_biases_but_in_downsampling() -> None:
    network = SMALL.build()
    plain = keras.layers.BatchNormalization()
    norms = [layer for layer in network.layers if layer.name.endswith("_bn")]
    assert len(norms) == 6 * 2 + 3 * 3 + 2 * 4
    assert {(norm.momentum, norm.epsilon) for norm in norms} == {(plain.momentum, plain.epsilon)}
    biased = {layer.name for layer in network.layers if getattr(layer, "use_bias", False)}
    assert biased == {
        "stream_0_block_0_gate_conv", "stream_1_block_0_gate_conv", "stream_2_block_0_gate_conv",
        "merge_1_gate_conv", "merge_2_gate_conv",
    }  # fmt: skip


def test_mixed_precision_keeps_weights_statistics_and_logits_in_float32() -> None:
    with dtype_policy("mixed_bfloat16"):
        network = SMALL.build(num_classes=3)
    assert {weight.dtype for weight in network.weights} == {"float32"}
    assert keras.backend.standardize_dtype(network(images(64)).dtype) == "float32"
    assert network.get_layer("stem_0_dense_conv").compute_dtype == "bfloat16"


@pytest.mark.slow
def test_a_saved_network_loads_equal_after_a_step_of_training(tmp_path: Path) -> None:
    network = shaken(SMALL.build(num_classes=3, image_shape=(64, 128, 3)))
    before = [np.asarray(weight).copy() for weight in network.trainable_weights]
    batch = images(64, width=128)
    network.compile("adam", "mse", run_eagerly=True)
    network.fit(batch, np.zeros(network(batch).shape), verbose=0)
    changed = [
        bool((np.asarray(weight) != old).any())
        for weight, old in zip(network.trainable_weights, before, strict=True)
    ]
    assert all(changed)
    network.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras")
    assert (loaded.scaling, loaded.num_classes) == (network.scaling, 3)
    assert loaded.image_shape == (64, 128, 3)
    np.testing.assert_array_equal(np.asarray(loaded(batch)), np.asarray(network(batch)))
