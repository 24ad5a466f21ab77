"""The ONNX graph of a deploy form."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import HealthCheck, Phase, given, settings

import registry
from parnet_zoo.networks.deploy_form import to_deploy_form
from parnet_zoo.networks.spec import ParNetSpec
from parnet_zoo.serving.onnx_graph import UnsupportedLayerError, write_onnx
from tests.test_networks import images, shaken, specs


def answers(path: Path, pictures: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(path)
    return np.asarray(session.run(None, {"pictures": pictures})[0])


@pytest.mark.slow
@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],  # shrinking would rebuild networks for minutes
)
@given(spec=specs())
def test_it_computes_what_the_keras_model_does(spec: ParNetSpec) -> None:
    keras.utils.set_random_seed(0)
    deploy = to_deploy_form(shaken(spec.build(num_classes=4)))
    pictures = images(spec.resolution, 3)
    expected = np.asarray(deploy(pictures))
    with TemporaryDirectory() as folder:
        write_onnx(deploy, Path(folder, "model.onnx"), spec.resolution)
        got = answers(Path(folder, "model.onnx"), pictures)
    # logits are differences of features, which may be much larger than they are
    features = keras.Model(deploy.input, deploy.get_layer("head_pool").output)(pictures)
    scale = max(1, np.abs(expected).max(), np.abs(np.asarray(features)).max())
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-4 * scale)


def test_it_holds_one_transpose_and_nothing_to_fold(tmp_path: Path) -> None:
    deploy = to_deploy_form(registry.get("parnet_test").build(num_classes=3))
    write_onnx(deploy, tmp_path / "model.onnx", 64)
    kinds = [node.op_type for node in onnx.load(tmp_path / "model.onnx").graph.node]
    assert kinds.count("Transpose") == 1
    assert not {"BatchNormalization", "Pad", "Reshape", "Dropout"} & set(kinds)
    # 4 stem and enter blocks, 3 in streams, merge 0, two halves in each of 2 fusions, final: 13
    # convolutions with a gate each; 2 factors in each stream block, 2 norms before each fusion
    assert kinds.count("Conv") == 2 * 13 + 2 * 3 + 2 * 2


def test_a_head_that_reads_every_pixel_reads_them_in_keras_order(tmp_path: Path) -> None:
    spec = registry.get("parnet_blog_s").scaled(
        stem_channels=4, channels=(4, 6, 8), final_channels=10, depth=(1, 1, 1), resolution=128
    )
    deploy = to_deploy_form(shaken(spec.build(num_classes=3)))
    pictures = images(128, 2)
    write_onnx(deploy, tmp_path / "model.onnx", 128)
    expected = np.asarray(deploy(pictures))
    np.testing.assert_allclose(
        answers(tmp_path / "model.onnx", pictures), expected, rtol=0, atol=1e-4
    )


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.UpSampling2D(2),
        keras.layers.Conv2D(4, 3, strides=2, padding="same"),
        keras.layers.Conv2D(4, 3, dilation_rate=2),
        keras.layers.Activation("gelu"),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_a_layer_that_no_deploy_form_has_is_refused_and_nothing_is_written(
    tmp_path: Path, layer: Any
) -> None:
    image = keras.Input((32, 32, 3))
    x = keras.layers.GlobalAveragePooling2D()(layer(image))
    model = keras.Model(image, keras.layers.Dense(2)(x))
    with pytest.raises(UnsupportedLayerError):
        write_onnx(model, tmp_path / "model.onnx", 32)
    assert list(tmp_path.iterdir()) == []


def test_a_padded_map_is_read_by_convolutions_only(tmp_path: Path) -> None:
    image = keras.Input((32, 32, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.ZeroPadding2D(1)(image))
    with pytest.raises(UnsupportedLayerError, match="padded map"):
        write_onnx(keras.Model(image, x), tmp_path / "model.onnx", 32)
