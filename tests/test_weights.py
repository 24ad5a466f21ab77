"""Weights of a trained network into a new one: all of them that fit, or none."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import registry
from parnet_zoo.networks.blog.spec import BlogScaling, BlogSpec
from parnet_zoo.networks.channel_adaption import adapt_channels
from parnet_zoo.networks.checkpoints.errors import CheckpointError
from parnet_zoo.networks.dtype_policy import dtype_policy
from parnet_zoo.networks.weights import load_weights
from parnet_zoo.networks.write_weights import write_weights
from tests.conftest import REPOSITORY
from tests.test_networks import images, shaken

SPEC = registry.get("parnet_test")
KERNEL = "layers/conv2d/vars/0"


def values(model: Any) -> list[np.ndarray]:
    return [np.array(weight) for weight in model.weights]


def same(model: Any, before: list[np.ndarray]) -> bool:
    return all(np.array_equal(now, then) for now, then in zip(values(model), before, strict=True))


def by_layer(model: Any) -> dict[str, list[np.ndarray]]:
    return {layer.name: layer.get_weights() for layer in model.layers if layer.weights}


@pytest.fixture(scope="module")
def trained() -> Any:
    """A network whose numbers are all its own."""
    return shaken(SPEC.build(num_classes=3))


@pytest.fixture(scope="module")
def saved(trained: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "best.weights.h5"
    bare(trained, path)
    return path


@pytest.fixture(scope="module")
def fresh() -> Any:
    """The same network with other numbers; for files that must be refused."""
    return SPEC.build(num_classes=3)


@pytest.fixture
def refused(fresh: Any) -> Callable[[Path], str]:
    """Why a file is refused: in one sentence, and with the network as it was before."""

    def why(path: Path) -> str:
        before = values(fresh)
        with pytest.raises(CheckpointError) as caught:
            load_weights(fresh, path)
        assert same(fresh, before)
        assert len(str(caught.value).splitlines()) == 1
        return str(caught.value)

    return why


@pytest.fixture
def spoilt(saved: Path, tmp_path: Path) -> Path:
    """A copy to do harm to."""
    return Path(shutil.copy(saved, tmp_path / "spoilt.weights.h5"))


def bare(model: Any, path: Path) -> None:
    write_weights(keras.Model(model.inputs, model.outputs), path)


def with_its_optimizer(model: Any, path: Path) -> None:
    again = SPEC.build(num_classes=3)
    again.set_weights(model.get_weights())
    again.compile("adam")
    again.optimizer.build(again.trainable_variables)
    again.save_weights(path)


def whole(model: Any, path: Path) -> None:
    model.save(path)


@pytest.mark.parametrize(
    ("save", "name"),
    [
        (bare, "a.weights.h5"),
        (whole, "b.keras"),
        pytest.param(with_its_optimizer, "c.weights.h5", marks=pytest.mark.slow),
    ],
)
def test_whatever_keras_writes_loads_bit_for_bit(
    save: Callable[[Any, Path], None], name: str, trained: Any, tmp_path: Path
) -> None:
    save(trained, tmp_path / name)
    model = SPEC.build(num_classes=3, weights=tmp_path / name)
    assert same(model, values(trained))
    report = model.weights_report
    assert report.sha256 == hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
    assert set(report.loaded) == set(by_layer(trained))
    assert (report.left_out, report.adapted) == ((), ())


def test_a_head_of_another_class_count_stays_fresh_and_is_reported(
    saved: Path, trained: Any
) -> None:
    model = SPEC.build(num_classes=5)
    head = model.get_layer("head_logits").get_weights()
    report = load_weights(model, saved)
    assert list(map(str, report.left_out)) == ["head_logits (3 classes in the file, 5 here)"]
    for name, layer in by_layer(model).items():
        expected = head if name == "head_logits" else by_layer(trained)[name]
        assert all(map(np.array_equal, layer, expected)), name
    assert str(report) == (
        "best.weights.h5: 62 layers loaded; left out: head_logits (3 classes in the file, 5 here)"
    )


@pytest.mark.slow
def test_a_head_may_be_missing_on_either_side(saved: Path, tmp_path: Path) -> None:
    headless = SPEC.build(weights=saved)
    assert str(headless.weights_report.left_out[0]) == "head_logits (this network has none)"
    headless.save_weights(tmp_path / "headless.weights.h5")
    model = SPEC.build(num_classes=4, weights=tmp_path / "headless.weights.h5")
    assert str(model.weights_report.left_out[0]) == "head_logits (the file has none)"
    assert same(SPEC.build(weights=tmp_path / "headless.weights.h5"), values(headless))


def test_a_grey_picture_gets_the_answer_of_its_copy_in_red_green_and_blue(
    saved: Path, trained: Any
) -> None:
    grey = images(64)[..., :1]
    model = SPEC.scaled(in_channels=1).build(num_classes=3, weights=saved)
    assert [note.layer for note in model.weights_report.adapted] == [
        "stem_0_dense_conv", "stem_0_pointwise_conv", "stem_0_gate_conv",
    ]  # fmt: skip
    expected = trained(np.repeat(grey, 3, axis=-1))
    np.testing.assert_allclose(model(grey), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_weights_of_grey_pictures_are_spread_over_colours(saved: Path, tmp_path: Path) -> None:
    grey = shaken(SPEC.scaled(in_channels=1).build(num_classes=3), seed=2)
    grey.save_weights(tmp_path / "grey.weights.h5")
    colour = SPEC.build(num_classes=3, weights=tmp_path / "grey.weights.h5")
    pictures = images(64)[..., :1]
    expected = grey(pictures)
    answer = colour(np.repeat(pictures, 3, axis=-1))
    np.testing.assert_allclose(answer, expected, rtol=1e-4, atol=1e-5)
    four = SPEC.scaled(in_channels=4).build(num_classes=3, weights=saved)
    assert {note.note for note in four.weights_report.adapted} == {"3 to 4 channels"}


@given(old=st.integers(1, 6), new=st.integers(1, 9))
def test_channels_are_summed_to_one_and_else_repeated_and_rescaled(old: int, new: int) -> None:
    kernel = np.random.default_rng(old).normal(size=(3, 3, old, 5))
    adapted = adapt_channels(kernel, new)
    assert adapted.shape == (3, 3, new, 5)
    if new == old:
        assert np.array_equal(adapted, kernel)
    if new == 1 or new % old == 0:  # the answer to a picture with equal channels stays
        np.testing.assert_allclose(adapted.sum(2), kernel.sum(2))
    if new > 1:
        for channel in range(new):
            expected = kernel[:, :, channel % old] * old / new
            np.testing.assert_allclose(adapted[:, :, channel], expected)


@pytest.mark.parametrize(
    ("scaling", "first"),
    [
        (
            {"channels": (16, 24, 48)},
            "enter_2_dense_conv has (3, 3, 24, 40) in the file, (3, 3, 24, 48) here",
        ),
        ({"depth": (2, 1, 1)}, "stream_0_block_1_identity_bn is missing in the file"),
        (
            {"branches": 2, "channels": (16, 24), "depth": (1, 1)},
            "merge_1_dense_conv has (3, 3, 24, 40) in the file, (3, 3, 24, 24) here",
        ),
    ],
)
def test_weights_of_another_architecture_are_refused_by_the_first_layers_that_differ(
    scaling: dict[str, Any], first: str, saved: Path
) -> None:
    model = SPEC.scaled(**scaling).build(num_classes=3)
    before = values(model)
    with pytest.raises(CheckpointError, match="are not the weights of parnet_test_") as caught:
        load_weights(model, saved)
    assert first in str(caught.value)
    assert same(model, before)


def test_deeper_weights_are_not_cut_to_fit(tmp_path: Path, refused: Callable[[Path], str]) -> None:
    deeper = SPEC.scaled(depth=(1, 1, 2)).build(num_classes=3)
    deeper.save_weights(tmp_path / "deeper.weights.h5")
    assert "stream_2_block_1_identity_bn is only in the file" in refused(
        tmp_path / "deeper.weights.h5"
    )


@pytest.mark.slow
def test_half_and_double_precision_are_taken_where_numbers_stay_finite(
    trained: Any, tmp_path: Path, fresh: Any, refused: Callable[[Path], str]
) -> None:
    for dtype, tolerance in (("bfloat16", 2**-8), ("float64", 0.0)):
        with dtype_policy(dtype):
            other = SPEC.build(num_classes=3)
        other.set_weights([np.array(weight) for weight in trained.weights])
        other.save_weights(tmp_path / f"{dtype}.weights.h5")
        load_weights(fresh, tmp_path / f"{dtype}.weights.h5")
        for mine, theirs in zip(values(fresh), values(trained), strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=tolerance)
    with h5py.File(tmp_path / "float64.weights.h5", "r+") as file:
        file[KERNEL][0, 0, 0, 0] = 1e300
    assert "stem_0_dense_conv holds numbers that are not finite" in refused(
        tmp_path / "float64.weights.h5"
    )


@pytest.mark.slow
def test_a_family_with_another_stride_and_head_loads_alike(tmp_path: Path) -> None:
    scaling = BlogScaling(
        stem_channels=8, channels=(8, 12, 16), final_channels=16, depth=(1, 1, 1), resolution=64
    )
    spec = BlogSpec(name="blog_test", scaling=scaling)
    blog = shaken(spec.build(num_classes=3))
    blog.save_weights(tmp_path / "blog.weights.h5")
    assert same(spec.build(num_classes=3, weights=tmp_path / "blog.weights.h5"), values(blog))
    larger = spec.scaled(resolution=128).build(num_classes=3, weights=tmp_path / "blog.weights.h5")
    assert list(map(str, larger.weights_report.left_out)) == [
        "head_logits ((16, 3) in the file, (64, 3) here)"
    ]


PLAIN = """\
import keras
def build(spec, *, num_classes=None):
    layers = [keras.Input((None, None, 3)), keras.layers.Conv2D(4, 3),
              keras.layers.BatchNormalization(), keras.layers.Conv2D(4, 3),
              keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(num_classes)]
    return keras.Sequential(layers)
def build_with_header(spec, *, num_classes=None):
    layers = [keras.Input((8, 8, 3)), keras.layers.Conv2D(num_classes, 3, name="header"),
              keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2, name="head_logits")]
    return keras.Sequential(layers)
def build_its_own_way(spec, *, num_classes=None, weights=None):
    return f"weights from {weights}"
"""


def test_a_family_whose_layers_keras_named_is_matched_by_their_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plain_names.py").write_text(PLAIN)
    monkeypatch.syspath_prepend(str(tmp_path))
    spec = registry.BackboneSpec(name="plain", family="plain", builder="plain_names:build")
    first = shaken(spec.build(num_classes=2))
    first.save_weights(tmp_path / "plain.weights.h5")
    again = spec.build(num_classes=2, weights=tmp_path / "plain.weights.h5")
    assert [layer.name for layer in again.layers] != [layer.name for layer in first.layers]
    assert same(again, values(first))
    other = spec.build(num_classes=7, weights=str(tmp_path / "plain.weights.h5"))
    assert [note.note for note in other.weights_report.left_out] == [
        "2 classes in the file, 7 here"
    ]
    own = registry.BackboneSpec(name="own", family="own", builder="plain_names:build_its_own_way")
    assert own.build(num_classes=2, weights="x.bin") == "weights from x.bin"


def test_a_layer_is_not_of_the_head_because_its_name_begins_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plain_header.py").write_text(PLAIN)
    monkeypatch.syspath_prepend(str(tmp_path))
    spec = registry.BackboneSpec(name="a", family="a", builder="plain_header:build_with_header")
    spec.build(num_classes=4).save_weights(tmp_path / "a.weights.h5")
    with pytest.raises(CheckpointError, match=r"header has .* in the file"):
        spec.build(num_classes=5, weights=tmp_path / "a.weights.h5")


def test_the_description_of_a_model_in_the_file_is_never_looked_at(
    trained: Any, tmp_path: Path, fresh: Any
) -> None:
    trained.save(tmp_path / "m.keras")
    hostile = tmp_path / "hostile.keras"
    made = tmp_path / "made-by-the-file"
    call = {"class_name": "function", "config": "system", "module": "os"}
    config = {"module": "os", "class_name": "system", "config": {"command": f"touch {made}"}}
    with (
        zipfile.ZipFile(tmp_path / "m.keras") as archive,
        zipfile.ZipFile(hostile, "w") as written,
    ):
        written.writestr("config.json", json.dumps({**config, "build_config": call}))
        written.writestr("model.weights.h5", archive.read("model.weights.h5"))
    load_weights(fresh, hostile)
    assert same(fresh, values(trained))
    assert not made.exists()


@pytest.mark.parametrize(
    "name", ["parnet.pth.tar", "resnet.pt", "blog.h5", "MODEL.H5", "all.hdf5", "x.pth"]
)
def test_checkpoints_of_others_are_sent_to_the_converter(
    name: str, tmp_path: Path, refused: Callable[[Path], str]
) -> None:
    (tmp_path / name).write_bytes(b"whatever")
    path = tmp_path / name
    target = tmp_path / f"{name.partition('.')[0]}.keras"
    assert f"`parnet-zoo backbones convert {path} --to {target}`" in refused(path)
    path.unlink()
    assert refused(path) == f"{path}: there is no such file"


@pytest.mark.parametrize("uri", ["models:/pets/3", "models:/pets@best", "runs:/1/x.weights.h5"])
def test_an_address_is_answered_with_what_makes_a_file_of_it(
    uri: str, refused: Callable[[Path], str]
) -> None:
    assert refused(Path(uri)) == (
        f"{uri}: a network takes a local file;"
        " parnet_zoo.tracking.weights_file.weights_file(uri, folder) gives one"
    )


def test_what_is_no_file_of_weights_is_refused_by_name(
    tmp_path: Path, refused: Callable[[Path], str]
) -> None:
    assert "there is no such file" in refused(tmp_path / "nothing.weights.h5")
    (tmp_path / "folder.keras").mkdir()
    assert "is a folder" in refused(tmp_path / "folder.keras")
    (tmp_path / "notes.txt").touch()
    assert "ends in .weights.h5 or .keras" in refused(tmp_path / "notes.txt")
    os.mkfifo(tmp_path / "pipe.keras")  # who opens it waits for a writer
    assert "pipe.keras: it is no regular file" in refused(tmp_path / "pipe.keras")
    for content in (b"", b"not HDF5 at all", b"PK\x03\x04"):
        for name in ("rubbish.weights.h5", "rubbish.keras"):
            (tmp_path / name).write_bytes(content)
            assert f"{name}: it is damaged or truncated" in refused(tmp_path / name)


def test_an_older_kerass_weights_are_told_from_ours(
    tmp_path: Path, refused: Callable[[Path], str]
) -> None:
    with h5py.File(tmp_path / "old.weights.h5", "w") as file:
        file.attrs["layer_names"] = [b"conv2d"]
    assert "an older Keras wrote it" in refused(tmp_path / "old.weights.h5")
    with h5py.File(tmp_path / "none.weights.h5", "w") as file:
        file.create_group("optimizer/vars")["0"] = np.zeros(3)
    assert "it holds no weights as Keras 3 writes them" in refused(tmp_path / "none.weights.h5")
    with h5py.File(tmp_path / "nameless.weights.h5", "w") as file:
        file["layers/conv2d/vars/0"] = np.zeros(3)
    assert "its layers have no names" in refused(tmp_path / "nameless.weights.h5")


def replaced(file: Any, **options: Any) -> Any:
    """The first kernel, stored in another way."""
    shape = file[KERNEL].shape
    del file[KERNEL]
    return file.create_dataset(KERNEL, shape=shape, **{"dtype": "float32", **options})


def linked_outside(file: Any, secret: Path) -> None:
    del file[KERNEL]
    file[KERNEL] = h5py.ExternalLink(str(secret), "/numbers")


def variables_outside(file: Any, secret: Path) -> None:
    del file["layers/conv2d/vars"]
    os.mkfifo(secret.with_name("pipe"))  # who opens it waits for a writer
    file["layers/conv2d/vars"] = h5py.ExternalLink(str(secret.with_name("pipe")), "/numbers")


def virtual_without_end(file: Any, secret: Path) -> None:
    shape = (3, 3, 3, None)
    source = h5py.VirtualSource(str(secret), "numbers", (3, 3, 3, 16), maxshape=shape)
    layout = h5py.VirtualLayout((3, 3, 3, 16), "float32", maxshape=shape)
    unlimited = (slice(0, 3), slice(0, 3), slice(0, 3), slice(0, h5py.h5s.UNLIMITED))
    layout[unlimited] = source[unlimited]
    del file[KERNEL]
    file.create_virtual_dataset(KERNEL, layout)


def linked_inside(file: Any, secret: Path) -> None:
    del file["layers/conv2d"]
    file["layers/conv2d"] = h5py.SoftLink("/layers/conv2d_1")


def stored_outside(file: Any, secret: Path) -> None:
    replaced(file, external=[(str(secret), 0, h5py.h5f.UNLIMITED)])


def virtual(file: Any, secret: Path) -> None:
    layout = h5py.VirtualLayout(file[KERNEL].shape, "float32")
    layout[...] = h5py.VirtualSource(str(secret), "numbers", file[KERNEL].shape)
    del file[KERNEL]
    file.create_virtual_dataset(KERNEL, layout)


def compressed(file: Any, secret: Path) -> None:
    replaced(file, chunks=True, compression="gzip")


def never_written(file: Any, secret: Path) -> None:
    replaced(file)


def huge(file: Any, secret: Path) -> None:
    del file[KERNEL]
    file.create_dataset(KERNEL, shape=(2**20, 2**20, 2**20), dtype="float32")


def of_text(file: Any, secret: Path) -> None:
    replaced(file, dtype="S4")[...] = b"1.25"


def of_whole_numbers(file: Any, secret: Path) -> None:
    replaced(file, dtype="int32")[...] = 1


def not_finite(file: Any, secret: Path) -> None:
    file["layers/dense/vars/0"][0, 0] = np.nan


def a_group_in_itself(file: Any, secret: Path) -> None:
    file["layers/conv2d/again"] = file["layers"]


def twice_the_same_layer(file: Any, secret: Path) -> None:
    file.copy("layers/conv2d", "layers/conv2d_999")


def a_name_that_is_a_list(file: Any, secret: Path) -> None:
    file["layers/conv2d/vars"].attrs["name"] = ["x" * 1000] * 60


def an_array_beside_the_layers(file: Any, secret: Path) -> None:
    file["layers/numbers"] = np.zeros(3)


def a_group_for_an_array(file: Any, secret: Path) -> None:
    del file[KERNEL]
    file.create_group(KERNEL)


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (linked_outside, "is a link to somewhere else"),
        (variables_outside, "is a link to somewhere else"),
        (linked_inside, "is a link to somewhere else"),
        (stored_outside, "keeps its numbers in another file"),
        (virtual, "keeps its numbers in another file"),
        (virtual_without_end, "keeps its numbers in another file"),
        (compressed, "is compressed or cut into chunks"),
        (never_written, "which the file does not hold"),
        (huge, "which the file does not hold"),
        (of_text, "holds no numbers"),
        (of_whole_numbers, "stem_0_dense_conv holds another kind of numbers than float32"),
        (not_finite, "head_logits holds numbers that are not finite"),
        (a_group_in_itself, "nested more than 32 deep"),
        (twice_the_same_layer, "two layers called stem_0_dense_conv"),
        (a_name_that_is_a_list, "its layers have no names"),
        (an_array_beside_the_layers, "is not where Keras keeps an array"),
        (a_group_for_an_array, "is no array"),
    ],
)
def test_hostile_files_are_refused_and_nothing_is_half_loaded(
    harm: Callable[[Any, Path], None],
    why: str,
    spoilt: Path,
    tmp_path: Path,
    refused: Callable[[Path], str],
) -> None:
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["numbers"] = np.ones((3, 3, 3, 16), "float32")
    with h5py.File(spoilt, "r+") as file:
        harm(file, secret)
    assert why in refused(spoilt)


def test_archives_that_are_not_as_keras_writes_them_are_refused(
    saved: Path, tmp_path: Path, refused: Callable[[Path], str]
) -> None:
    path = tmp_path / "a.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(saved, "model.weights.h5")
    assert "model.weights.h5 is compressed" in refused(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(saved, "weights.h5")
    assert "it has no part model.weights.h5" in refused(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(saved, "model.weights.h5")
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    assert "it is damaged or truncated" in refused(path)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_damaged_file_is_refused_or_gives_numbers_but_never_half_of_them(
    data: st.DataObject, saved: Path, fresh: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray(saved.read_bytes())
    if data.draw(st.booleans(), "truncated"):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    else:
        for _ in range(data.draw(st.integers(1, 8))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged.weights.h5"
    path.write_bytes(content)
    before = values(fresh)
    refusal = ""
    try:
        load_weights(fresh, path)
    except CheckpointError as error:
        refusal = str(error)
    if refusal:
        assert refusal.startswith("damaged.weights.h5: ")
        assert same(fresh, before)
    assert all(np.isfinite(value).all() for value in values(fresh))


def test_a_file_is_looked_at_without_keras() -> None:
    program = (
        "import sys\n"
        "from parnet_zoo.networks.keras_file import open_keras_file\n"
        "print(sorted({'keras', 'tensorflow', 'numpy', 'h5py'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


@pytest.mark.slow
def test_weights_saved_by_one_process_load_in_another_under_jax_too(
    saved: Path, trained: Any, tmp_path: Path
) -> None:
    pytest.importorskip("jax")
    np.save(tmp_path / "pictures.npy", images(64))
    program = (
        "import sys, numpy as np, registry\n"
        f"model = registry.get('parnet_test').build(num_classes=3, weights={str(saved)!r})\n"
        f"logits = model(np.load({str(tmp_path / 'pictures.npy')!r}))\n"
        f"np.save({str(tmp_path / 'logits.npy')!r}, np.asarray(logits))\n"
    )
    subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        env={**os.environ, "KERAS_BACKEND": "jax"},
        check=True,
    )
    np.testing.assert_allclose(
        np.load(tmp_path / "logits.npy"), trained(images(64)), rtol=1e-4, atol=1e-5
    )
