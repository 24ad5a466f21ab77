"""ParNet as a backbone: its levels and stages, the sizes it takes, precision, loading anywhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import registry
from parnet_zoo.networks.dtype_policy import dtype_policy
from parnet_zoo.networks.input_size import check_sides
from registry import SpecError
from tests.conftest import REPOSITORY

STRIDE = 32


def build(**options: Any) -> Any:
    return registry.get("parnet_test").build(**options)


def images(height: int, width: int, channels: int = 3, count: int = 2) -> Any:
    return np.random.default_rng(0).random((count, height, width, channels)).astype("float32")


def sentence(wrong: str, nearest: str, name: str = "parnet_test") -> str:
    return (
        f"{name} takes images whose height and width are multiples of {STRIDE}, not {wrong};"
        f" the nearest size that fits is {nearest}"
    )


@pytest.fixture(scope="module")
def backbone() -> Any:
    return build()


def test_the_network_for_tests_is_small_and_has_the_levels_of_detectors(backbone: Any) -> None:
    assert sum(int(np.prod(weight.shape)) for weight in backbone.trainable_weights) < 300_000
    assert {"P2", "P3", "P4", "P5"} <= set(backbone.pyramid_outputs)
    assert list(backbone.pyramid_outputs) == list(backbone.pyramid_level_inputs)


@pytest.mark.parametrize("size", [(32, 32), (64, 96), (160, 32)])
def test_any_size_that_fits_the_stride_is_taken(backbone: Any, size: tuple[int, int]) -> None:
    height, width = size
    levels = keras.Model(backbone.input, backbone.pyramid_outputs)(images(height, width))
    for level, output in levels.items():
        stride = 2 ** int(level.removeprefix("P"))
        assert output.shape[1:3] == (height // stride, width // stride)
    assert backbone(images(height, width)).shape == (2, height // STRIDE, width // STRIDE, 64)


@pytest.mark.parametrize(
    ("shape", "wrong", "nearest"),
    [
        ((100, 100, 3), "100 x 100", "96 x 96"),
        ((64, 90, 3), "64 x 90", "64 x 96"),
        ((None, 70, 3), "any x 70", "any x 64"),
        ((1, 0, 3), "1 x 0", "32 x 32"),
    ],
)
def test_a_size_that_does_not_fit_is_refused_when_it_is_built(
    shape: tuple[int | None, int, int], wrong: str, nearest: str
) -> None:
    with pytest.raises(SpecError) as caught:
        build(image_shape=shape)
    assert str(caught.value) == sentence(wrong, nearest)


def test_a_size_that_does_not_fit_is_refused_when_it_comes(backbone: Any) -> None:
    for batch in (images(100, 100), keras.Input((100, 100, 3)), keras.Input((None, 100, 3))):
        with pytest.raises(SpecError) as caught:
            backbone(batch)
        wrong = " x ".join("any" if side is None else str(side) for side in batch.shape[1:3])
        assert str(caught.value) == sentence(wrong, wrong.replace("100", "96"))


@given(side=st.integers(0, 5000), stride=st.sampled_from([8, 16, 32, 64]))
def test_the_size_named_is_the_nearest_that_fits(side: int, stride: int) -> None:
    fitting = range(stride, 5000 + 2 * stride, stride)
    if side in fitting:
        check_sides((side, None), stride=stride, name="net")
        return
    with pytest.raises(SpecError) as caught:
        check_sides((side, None), stride=stride, name="net")
    named = int(str(caught.value).split()[-3])
    assert named in fitting
    assert abs(named - side) == min(abs(size - side) for size in fitting)


@pytest.mark.slow
def test_sizes_that_are_not_known_before_they_come_are_computed(backbone: Any) -> None:
    import tensorflow as tf

    signature = [tf.TensorSpec((None, None, None, 3), tf.float32)]
    compute = tf.function(backbone, input_signature=signature)
    for size in ((32, 64), (96, 32)):
        expected = np.asarray(backbone(images(*size)))
        np.testing.assert_allclose(compute(images(*size)), expected, rtol=1e-4, atol=1e-4)


def test_an_image_shape_with_other_channels_than_the_spec_is_refused() -> None:
    with pytest.raises(SpecError, match=r"in_channels=3.*has 1; .*scaled\(in_channels=1\)"):
        build(image_shape=(64, 64, 1))


def test_an_image_shape_that_is_none_is_refused() -> None:
    with pytest.raises(SpecError, match=r"image_shape is \(height, width, 3\)"):
        build(image_shape=(64, 64))


def test_it_takes_images_of_other_channels() -> None:
    model = registry.get("parnet_test").scaled(in_channels=4).build(num_classes=3)
    assert model.image_shape == (None, None, 4)
    assert model(images(32, 64, 4)).shape == (2, 3)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"num_classes": 4, "image_shape": (None, 64, 3)}])
def test_its_configuration_makes_the_same_network(options: dict[str, Any], tmp_path: Path) -> None:
    model = registry.get("parnet_test").scaled(width=1.5).build(**options, trainable=False)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.get_config() == model.get_config()
    assert (loaded.name, loaded.trainable) == (model.name, False)
    assert not loaded.trainable_weights
    np.testing.assert_array_equal(loaded(images(32, 64)), model(images(32, 64)))


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_gives_a_float32_head_and_stays_after_loading(
    policy: str, tmp_path: Path
) -> None:
    model = build(num_classes=3, dtype=policy)
    assert keras.config.dtype_policy().name == "float32", "Keras' own setting is left as it was"
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for each in (model, loaded):
        assert {weight.dtype for weight in each.weights} == {"float32"}
        assert each.get_layer("final_dense_conv").compute_dtype == policy.removeprefix("mixed_")
        assert each.get_layer("head_logits").compute_dtype == "float32"
        assert keras.backend.standardize_dtype(each(images(64, 64)).dtype) == "float32"
    np.testing.assert_array_equal(loaded(images(64, 64)), model(images(64, 64)))


def test_in_float64_all_of_it_is_computed_in_float64() -> None:
    with dtype_policy("float64"):
        model = build(num_classes=3)
    logits = model(images(64, 64).astype("float64"))
    assert keras.backend.standardize_dtype(logits.dtype) == "float64"
    assert {layer.compute_dtype for layer in model.layers} == {"float64"}
    assert {weight.dtype for weight in model.weights} == {"float64"}


NO_FRAMEWORK = (
    "import sys, registry, parnet_zoo.networks\n"
    "registry.get('parnet_test')\n"
    "print(sorted({'keras', 'tensorflow', 'numpy', 'keras_hub'} & sys.modules.keys()))"
)


def test_importing_the_package_imports_no_framework() -> None:
    done = subprocess.run(
        [sys.executable, "-c", NO_FRAMEWORK], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


ORDERS = ("import parnet_zoo.networks, keras", "import keras, parnet_zoo.networks")
LOAD = """
import numpy as np
images = np.load("images.npy")
for name in ("headless", "headed"):
    np.save(f"{name}.loaded.npy", keras.saving.load_model(f"{name}.keras")(images))
"""


@pytest.mark.slow
@pytest.mark.parametrize("imports", ORDERS)
def test_a_saved_network_loads_in_a_fresh_process(imports: str, tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", images(64, 96))
    models = {"headless": build(), "headed": build(num_classes=3)}
    for name, model in models.items():
        model.save(tmp_path / f"{name}.keras")
    subprocess.run(
        [sys.executable, "-c", imports + LOAD], cwd=tmp_path, check=True, capture_output=True
    )
    for name, model in models.items():
        loaded = np.load(tmp_path / f"{name}.loaded.npy")
        np.testing.assert_allclose(loaded, model(images(64, 96)), rtol=1e-5, atol=1e-6)


# Every module that imports Keras is imported first, each in a process of its own that has what
# takes long already: TensorFlow, but no Keras.
EACH_FIRST = """
import importlib, os, sys
import tensorflow
for name in [name for name in sys.modules if name.partition(".")[0] == "keras"]:
    del sys.modules[name]
for module in sys.argv[1:]:
    process = os.fork()
    if not process:
        importlib.import_module(module)
        import keras
        names = [name for name in keras.saving.get_custom_objects() if "parnet_zoo>" in name]
        print(module, *sorted(names), flush=True)
        os._exit(0)
    os.waitpid(process, 0)
"""


@pytest.mark.slow
def test_whichever_module_is_imported_first_all_classes_are_registered() -> None:
    folder = REPOSITORY / "parnet_zoo" / "networks"
    modules = [
        f"parnet_zoo.networks.{path.stem}"
        for path in sorted(folder.glob("[a-z]*.py"))
        if path.stem != "hub"
        and re.search("^(import|from) keras", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert len(modules) > 8
    done = subprocess.run(
        [sys.executable, "-c", EACH_FIRST, *modules], capture_output=True, text=True, check=True
    )
    classes = [
        "Baseline",
        "BatchNorm",
        "Conv2D",
        "HalvesConv2D",
        "Interleave",
        "ParNet",
        "ParNetBlog",
        "silu",
    ]
    found = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    expected = " ".join(f"parnet_zoo>{name}" for name in classes)
    assert found == dict.fromkeys(modules, expected), done.stderr
