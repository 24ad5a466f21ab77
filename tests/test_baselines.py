"""Networks of keras.applications as a family: the same recipes, the same tracking."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import registry
from parnet_zoo.networks.baselines import BaselineSpec
from parnet_zoo.recipe import RecipeError, load_recipe
from tests.conftest import REPOSITORY, Done

NAMES = ["efficientnetv2_b0", "mobilenet_v3_large", "mobilenet_v3_small", "resnet50"]
SMALL = "mobilenet_v3_small"
PARAMETERS = {
    "efficientnetv2_b0": 7_200_312,
    "mobilenet_v3_large": 5_507_432,
    "mobilenet_v3_small": 2_554_968,
    "resnet50": 25_636_712,
}
"""All weights with 1000 classes; a test below counts them in Keras' own network."""


def spec_of(name: str) -> BaselineSpec:
    return registry.get(name, BaselineSpec)


def test_they_are_registered_with_what_keras_documents() -> None:
    found = [name for name in registry.names() if registry.get(name).family == "baseline"]
    assert found == NAMES
    results = [spec_of(name).published for name in NAMES]
    assert [result.top1 for result in results if result] == [78.7, 75.6, 68.1, 74.9]
    assert all("random weights" in spec_of(name).source for name in NAMES)


def test_the_page_on_plugins_tells_what_is_registered() -> None:
    page = (REPOSITORY / "docs" / "plugins.md").read_text(encoding="utf-8")
    lines = ["| name | drawn by | parameters | top-1 | paper |", "|---|---|---|---|---|"]
    for name in NAMES:
        spec = spec_of(name)
        assert spec.published is not None
        paper = f"[{str(spec.paper).rpartition('/')[2]}]({spec.paper})"
        drawn_by = f"`keras.applications.{spec.architecture}`"
        top1 = spec.published.top1
        lines.append(f"| `{name}` | {drawn_by} | {PARAMETERS[name]:,} | {top1} | {paper} |")
    table = "\n".join(lines)
    assert f"<!-- baselines -->\n{table}\n<!-- /baselines -->" in page, table


@pytest.mark.parametrize("name", NAMES)
def test_what_they_cannot_do_they_say_in_one_sentence(name: str) -> None:
    spec = spec_of(name)
    assert spec.limits.replace("keras.applications", "").count(".") == 0
    with pytest.raises(registry.SpecError) as cost:
        spec.cost()
    with pytest.raises(registry.SpecError) as scaled:
        spec.scaled(width=2)
    for error in (cost, scaled):
        assert name in str(error.value)
        assert spec.limits in str(error.value)
        assert "\n" not in str(error.value)


def test_it_takes_the_place_of_a_recipes_network_and_of_its_scaling() -> None:
    recipe = load_recipe("quickstart", model=SMALL).recipe
    assert recipe.spec() == spec_of(SMALL).scaled(resolution=32)
    with pytest.raises(RecipeError, match=r"'baseline' cannot be scaled; .*; without model\.sca"):
        load_recipe("quickstart", ["model.scaling.dropout=0.1"], model=SMALL)


def test_any_size_from_32_pixels_on_fits() -> None:
    spec = spec_of(SMALL)
    assert [spec.fits(size) for size in (31, 32, 33, 100, 224)] == [False, True, True, True, True]
    assert [spec.nearest_resolution(size) for size in (8, 32, 45)] == [32, 32, 45]
    assert spec.scaled(resolution=45).resolution == 45
    with pytest.raises(registry.SpecError, match="31"):
        spec.scaled(resolution=31)


def test_no_other_function_of_keras_can_be_named() -> None:
    fields = {"family": "baseline", "name": "mine", "architecture": "VGG16"}
    with pytest.raises(registry.SpecError, match=r"architecture: .*VGG16.* ResNet50"):
        registry.from_mapping(fields)


def test_a_baseline_of_ones_own_is_a_few_lines_of_data() -> None:
    mine = registry.from_mapping(
        {"family": "baseline", "name": "grey", "architecture": "ResNet50", "in_channels": 1}
    )
    assert isinstance(mine, BaselineSpec)
    assert (mine.in_channels, mine.momentum, mine.limits) == (1, 0.9, spec_of(SMALL).limits)


def lively(spec: BaselineSpec, pictures: Any, num_classes: int) -> Any:
    """A network whose logits tell pictures apart: with BatchNorm's first statistics none does."""
    import keras

    keras.utils.set_random_seed(0)
    at_once = spec.model_copy(update={"momentum": 0.0})
    model = at_once.build(num_classes=num_classes, image_shape=pictures.shape[1:])
    model(pictures, training=True)
    return model


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_is_the_network_of_keras_applications_under_the_common_head(name: str) -> None:
    import keras
    import numpy as np

    spec = spec_of(name)
    own = {} if name == "resnet50" else {"include_preprocessing": False}
    whole = getattr(keras.applications, spec.architecture)(
        weights=None, input_shape=(64, 64, 3), classes=1000, classifier_activation=None, **own
    )
    pictures = np.random.default_rng(0).normal(size=(8, 64, 64, 3)).astype("float32")
    model = lively(spec, pictures, num_classes=1000)
    assert model.count_params() == whole.count_params() == PARAMETERS[name]
    shapes = [weight.shape for weight in whole.get_weights()]
    values = [
        value.reshape(shape)  # MobileNetV3's head there is of 1x1 convolutions
        for value, shape in zip(model.get_weights(), shapes, strict=True)
    ]
    whole.set_weights(values)
    logits = np.asarray(whole(pictures))
    assert logits.std(axis=0).max() > 0.1  # they differ from picture to picture
    np.testing.assert_allclose(model(pictures), logits, rtol=0, atol=1e-4 * np.abs(logits).max())


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_headless_it_is_a_backbone_with_the_strides_of_its_levels(name: str) -> None:
    import keras
    import numpy as np

    model = spec_of(name).build(image_shape=(64, 96, 3))
    assert model.num_classes is None
    assert model.output.shape[1:3] == (2, 3)
    sizes = {level: output.shape[1:3] for level, output in model.pyramid_outputs.items()}
    assert sizes == {f"P{n}": (64 >> n, 96 >> n) for n in range(2, 6)}
    for level, layer in model.pyramid_level_inputs.items():
        assert model.get_layer(layer).output is model.pyramid_outputs[level]
    levels = keras.Model(model.input, model.pyramid_outputs)(np.zeros((1, 64, 96, 3), "float32"))
    assert {level: output.shape[1:3] for level, output in levels.items()} == sizes


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if name != SMALL])  # trained below
def test_it_is_packed_for_serving_with_equal_probabilities_and_in_silence(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    import numpy as np

    from parnet_zoo.serving.pack import pack
    from parnet_zoo.serving.runtime import Classifier

    pictures = np.random.default_rng(0).integers(0, 256, (8, 40, 40, 3), np.uint8)
    pixels = pictures.astype("float32") / 255
    model = lively(spec_of(name), pixels, num_classes=3)
    capfd.readouterr()
    zero, one = (0.0,) * 3, (1.0,) * 3
    pack(model, tmp_path, labels="abc", resolution=40, resize="stretch", mean=zero, std=one)
    assert "Traceback" not in capfd.readouterr().err
    assert "Traceback" not in caplog.text
    powers = np.exp(np.asarray(model(pixels)))
    expected = powers / powers.sum(axis=1, keepdims=True)
    assert expected.std(axis=0).max() > 0.01
    served = Classifier(tmp_path).probabilities(pictures)
    np.testing.assert_allclose(served, expected, rtol=0, atol=1e-4)


@pytest.mark.slow
def test_a_short_training_is_validated_on_statistics_that_have_moved() -> None:
    import keras

    model = spec_of(SMALL).build(num_classes=3)
    norms = [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]
    assert len(norms) == 34
    assert {norm.momentum for norm in norms} == {0.9}


@pytest.mark.slow
def test_sizes_channels_and_precision_are_chosen_when_it_is_built() -> None:
    import numpy as np

    spec = spec_of(SMALL)
    with pytest.raises(registry.SpecError, match=r"32 x 32 pixels or more, not 24 x 64"):
        spec.build(image_shape=(24, 64, 3))
    model = spec.build(num_classes=3, image_shape=(None, None, 4), dtype="mixed_bfloat16")
    assert model.pyramid_outputs["P3"].dtype == "bfloat16"
    assert model.output.dtype == "float32"
    assert np.isfinite(np.asarray(model(np.ones((1, 45, 70, 4), "float32")))).all()


@pytest.mark.slow
def test_it_has_no_deploy_form() -> None:
    from parnet_zoo.networks.deploy_form import NoDeployFormError, to_deploy_form

    with pytest.raises(NoDeployFormError, match="no deploy form"):
        to_deploy_form(spec_of(SMALL).build())


LOAD = """
import sys
import numpy as np
import keras
import parnet_zoo.networks

model = keras.models.load_model(sys.argv[1])
np.save(sys.argv[2], model(np.load(sys.argv[3])))
print(type(model).__name__, model.num_classes, model.image_shape, list(model.pyramid_outputs))
"""


@pytest.mark.slow
def test_trained_for_a_step_it_loads_in_a_fresh_process_with_equal_outputs(tmp_path: Path) -> None:
    import keras
    import numpy as np

    model = spec_of(SMALL).build(num_classes=3)
    before = [weight.numpy() for weight in model.trainable_weights]
    pictures = np.random.default_rng(0).normal(size=(6, 40, 40, 3)).astype("float32")
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(pictures, np.arange(6) % 3, batch_size=6, verbose=0)
    changed = [
        (old != weight.numpy()).any()
        for old, weight in zip(before, model.trainable_weights, strict=True)
    ]
    assert sum(changed) > len(changed) / 2
    paths = [str(tmp_path / name) for name in ("model.keras", "outputs.npy", "pictures.npy")]
    model.save(paths[0])
    np.save(paths[2], pictures)
    done = subprocess.run(
        [sys.executable, "-c", LOAD, *paths], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[0] == "Baseline 3 (None, None, 3) ['P2', 'P3', 'P4', 'P5']"
    np.testing.assert_array_equal(np.load(paths[1]), model(pictures))
    tuned = spec_of(SMALL).build(num_classes=7, weights=paths[0])
    [left_out] = tuned.weights_report.left_out
    assert left_out.layer.endswith("head_logits")
    features = [keras.Model(m.input, m.get_layer("head_dense").output) for m in (model, tuned)]
    np.testing.assert_array_equal(features[0](pictures), features[1](pictures))


@pytest.mark.slow
def test_a_recipe_trains_it_tracks_it_and_serves_it_as_trained(
    parnet_zoo_in: Callable[..., Done],
) -> None:
    trained = parnet_zoo_in(
        "train", "quickstart", "--model", SMALL, "--image-size", "32", "--epochs", "1",
        "--set", "data.limit=200", "--json",
    )  # fmt: skip
    assert trained.code == 0, trained.stderr
    assert "the family baseline has no deploy form: as trained, it is served" in trained.stderr
    assert "Traceback" not in trained.stderr
    metrics = trained.json["metrics"]
    assert {"test_accuracy", "val_loss", "best_epoch"} <= metrics.keys()
    assert not [name for name in metrics if name.startswith("deploy")]
    assert logged_params(trained)["spec.architecture"] == "MobileNetV3Small"
    uri = trained.json["model_uri"]
    answered = parnet_zoo_in("predict", uri, "datasets/digits/test/7", "--json")
    assert answered.code == 0, answered.stderr
    assert len(answered.json["predictions"]) > 1


def logged_params(trained: Done) -> dict[str, str]:
    from mlflow.tracking import MlflowClient

    run = MlflowClient(trained.json["tracking_uri"]).get_run(trained.json["run_id"])
    return dict(run.data.params)
