"""The blog's checkpoints: its own outputs, every key accounted for, and no trust in the file."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from parnet_zoo.networks.checkpoints import load_blog, load_blog_logits
from parnet_zoo.networks.checkpoints.errors import CheckpointError
from parnet_zoo.networks.deploy_form import to_deploy_form
from tests.conftest import REPOSITORY

FIXTURES = REPOSITORY / "tests" / "fixtures"
CHECKPOINT = FIXTURES / "blog_tiny.h5"
KERNEL = "conv2d/conv2d/kernel:0"
ARRAYS = 332
"""Of the file: 66 kernels, 16 biases, 62 times 4 of BatchNorms, 2 of the classifier."""


@cache
def reference() -> dict[str, Any]:
    return dict(np.load(FIXTURES / "blog_tiny.npz"))


@cache
def arrays() -> dict[str, np.ndarray]:
    """Every array of the checkpoint, by its path in the file."""
    found: dict[str, np.ndarray] = {}

    def collect(path: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found[path] = item[()]

    with h5py.File(CHECKPOINT) as file:
        file.visititems(collect)
    return found


def written(path: Path, contents: dict[str, np.ndarray], root: str = "") -> Path:
    """A file as Keras 2 writes it, with these arrays by path, in this order."""
    with h5py.File(path, "w", track_order=True) as file:
        group = file.create_group(root, track_order=True) if root else file
        group.attrs["layer_names"] = [name.encode() for name in layer_names(contents)]
        for place, array in contents.items():
            group[place] = array
    return path


def layer_names(contents: dict[str, np.ndarray]) -> list[str]:
    return list(dict.fromkeys(place.partition("/")[0] for place in contents))


def changed(tmp_path: Path, change: Callable[[dict[str, np.ndarray]], None]) -> Path:
    """The checkpoint, with other arrays."""
    contents = dict(arrays())
    change(contents)
    return written(tmp_path / "changed.h5", contents)


def edited(tmp_path: Path, edit: Callable[[Any], None]) -> Path:
    """The checkpoint, edited as an HDF5 file."""
    path = tmp_path / "edited.h5"
    path.write_bytes(CHECKPOINT.read_bytes())
    with h5py.File(path, "r+") as file:
        edit(file)
    return path


def refusal(path: Path) -> str:
    """The one sentence with which a file is refused."""
    with pytest.raises(CheckpointError) as caught:
        load_blog_logits(path)
    assert str(caught.value).isprintable()
    assert path.name in str(caught.value)
    return str(caught.value)


def layer_gone(name: str) -> Callable[[dict[str, np.ndarray]], None]:
    def change(contents: dict[str, np.ndarray]) -> None:
        for place in [place for place in contents if place.startswith(f"{name}/")]:
            del contents[place]

    return change


def renamed(contents: dict[str, np.ndarray], first: dict[str, int]) -> dict[str, np.ndarray]:
    """Layers with the numbers that they get where an earlier network took the first ones."""

    def number(match: re.Match[str]) -> str:
        return f"{match[1]}_{int(match[2] or 0) + first[match[1]]}"

    pattern = rf"\b({'|'.join(first)})(?:_(\d+))?(?=/)"
    return {re.sub(pattern, number, place): array for place, array in contents.items()}


@pytest.mark.slow
def test_probabilities_are_the_blogs_and_every_key_is_used() -> None:
    network = load_blog(CHECKPOINT)
    probabilities = np.asarray(network(reference()["input_0"]))
    np.testing.assert_allclose(probabilities, reference()["probabilities_0"], rtol=0, atol=1e-5)
    assert network.key_report.complete
    assert len(network.key_report.matched) == ARRAYS
    assert {"conv2d_6/bias", "batch_normalization/gamma"} < set(network.key_report.matched)


@pytest.mark.slow
def test_logits_come_as_a_network_whose_spec_is_read_off_the_arrays() -> None:
    network = load_blog_logits(CHECKPOINT)
    spec = network.scaling
    assert [spec.stem_channels, *spec.channels, spec.final_channels] == [8, 12, 24, 48, 80]
    assert (spec.depth, spec.activation, spec.resolution) == ((4, 5, 5), "silu", 128)
    assert (network.num_classes, network.image_shape) == (2, (128, 128, 3))
    for form in (network, to_deploy_form(network)):
        logits = form(reference()["input_0"])
        probabilities = np.asarray(keras.ops.softmax(logits))
        np.testing.assert_allclose(probabilities, reference()["probabilities_0"], rtol=0, atol=1e-5)


@pytest.mark.slow
def test_another_number_of_classes_gets_a_fresh_head_on_the_checkpoints_body() -> None:
    own, other = load_blog_logits(CHECKPOINT), load_blog_logits(CHECKPOINT, num_classes=7)
    assert other.output_shape == (None, 7)
    assert len(other.key_report.matched) == ARRAYS - 2
    assert other.key_report.complete
    maps = [
        np.asarray(
            keras.Model(network.input, network.stage_outputs["final"])(reference()["input_0"])
        )
        for network in (own, other)
    ]
    np.testing.assert_array_equal(maps[0], maps[1])


@pytest.mark.slow
def test_layers_are_ordered_by_number_whatever_the_first_and_the_order_in_the_file(
    tmp_path: Path,
) -> None:
    later = renamed(arrays(), {"conv2d": 95, "batch_normalization": 7, "dense": 1})
    assert {"conv2d_95", "conv2d_160", "dense_1"} <= set(layer_names(later))
    backwards = dict(reversed(later.items()))
    for root in ("", "model_weights"):  # `save_weights` and `save`
        network = load_blog(written(tmp_path / "later.h5", backwards, root))
        probabilities = np.asarray(network(reference()["input_0"]))
        np.testing.assert_allclose(probabilities, reference()["probabilities_0"], rtol=0, atol=1e-5)
    assert "conv2d_95/kernel" in network.key_report.matched


@pytest.mark.slow
def test_what_was_loaded_can_be_saved_and_loaded(tmp_path: Path) -> None:
    network = load_blog(CHECKPOINT)
    network.save(tmp_path / "blog.keras")
    loaded = keras.models.load_model(tmp_path / "blog.keras")
    for form in (network, loaded):
        got = np.asarray(form(reference()["input_0"]))
        np.testing.assert_allclose(got, reference()["probabilities_0"], rtol=0, atol=1e-5)


def test_missing_unexpected_and_misshapen_keys_are_listed_and_nothing_is_loaded(
    tmp_path: Path,
) -> None:
    def change(contents: dict[str, np.ndarray]) -> None:
        del contents["batch_normalization_20/batch_normalization_20/beta:0"]
        contents["conv2d/conv2d/surprise:0"] = np.zeros(3, "float32")
        contents["lstm/lstm/kernel:0"] = np.zeros(3, "float32")
        contents[KERNEL] = contents[KERNEL][..., :-1]

    assert refusal(changed(tmp_path, change)).endswith(
        ": it is not this network: 330 keys match; 1 missing: batch_normalization_20/beta;"
        " 2 unexpected: conv2d/surprise, lstm/kernel; 1 of the wrong shape: conv2d/kernel"
    )


@pytest.mark.parametrize(
    ("layer", "report"),
    [
        ("conv2d_25", "331 keys match; 1 missing: conv2d_25/kernel"),
        ("conv2d_46", "331 keys match; 1 missing: conv2d_46/kernel"),
        (
            "batch_normalization_20",
            "328 keys match; 4 missing: " + ", ".join(
                f"batch_normalization_20/{weight}"
                for weight in ("beta", "gamma", "moving_mean", "moving_variance")
            ),
        ),
    ],
)  # fmt: skip
def test_a_layer_that_is_missing_between_others_is_named(
    tmp_path: Path, layer: str, report: str
) -> None:
    assert refusal(changed(tmp_path, layer_gone(layer))).endswith(report)


def test_a_bias_that_is_missing_is_named(tmp_path: Path) -> None:
    def change(contents: dict[str, np.ndarray]) -> None:
        del contents["conv2d_41/conv2d_41/bias:0"]

    text = refusal(changed(tmp_path, change))
    assert text.endswith("331 keys match; 1 missing: conv2d_41/bias")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (321, "reads 321 numbers, which are no square map of 80 channels"),
        (480, "reads 480 numbers, which are no square map of 80 channels"),
        (0, "reads 0 numbers"),
        (None, "it has no classifier"),
    ],
)
def test_a_classifier_that_does_not_tell_the_input_size_is_refused(
    tmp_path: Path, rows: int | None, words: str
) -> None:
    def change(contents: dict[str, np.ndarray]) -> None:
        if rows is None:
            layer_gone("dense")(contents)
        else:
            contents["dense/dense/kernel:0"] = np.zeros((rows, 2), "float32")

    assert words in refusal(changed(tmp_path, change))


def test_the_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    def kernels(*shapes: tuple[int, ...]) -> dict[str, np.ndarray]:
        return {
            f"conv2d_{number}/kernel:0": np.zeros(shape, "float32")
            for number, shape in enumerate(shapes)
        }

    dense = {"dense/kernel:0": np.zeros((4, 2), "float32")}
    for contents, words in (
        (kernels(*[(7, 7, 3, 4)] * 3) | dense, "not this network|too few layers"),
        (kernels(*[(7, 7, 3, 4)] * 80) | dense, "not this network"),
        (dense, "too few layers"),
        ({"embedding/embeddings:0": np.zeros(3, "float32")}, "blog's kind"),
    ):
        assert re.search(words, refusal(written(tmp_path / "other.h5", contents)))


def huge(file: Any) -> None:
    """An array that claims a terabyte, of which nothing was ever written."""
    del file[KERNEL]
    file.create_dataset(KERNEL, (1, 1, 3, 2**36), "float32")


def external(file: Any) -> None:
    del file["conv2d"]
    file["conv2d"] = h5py.ExternalLink("secret.h5", "/conv2d")


def soft(file: Any) -> None:
    del file["conv2d/conv2d"]
    file["conv2d/conv2d"] = h5py.SoftLink("/conv2d_2/conv2d_2")


def elsewhere(file: Any) -> None:
    del file[KERNEL]
    file.create_dataset(KERNEL, (1, 1, 3, 8), "float32", external=[("secret.bin", 0, 96)])


def virtual(file: Any) -> None:
    del file[KERNEL]
    layout = h5py.VirtualLayout((1, 1, 3, 8), "float32")
    layout[:] = h5py.VirtualSource("secret.h5", "kernel", (1, 1, 3, 8), "float32")
    file.create_virtual_dataset(KERNEL, layout)


def compressed(file: Any) -> None:
    numbers = file[KERNEL][()]
    del file[KERNEL]
    file.create_dataset(KERNEL, data=numbers, compression="gzip")


def whole_numbers(file: Any) -> None:
    del file[KERNEL]
    file[KERNEL] = np.zeros((1, 1, 3, 8), "int32")


def texts(file: Any) -> None:
    del file[KERNEL]
    file[KERNEL] = np.full((1, 1, 3, 8), b"text")


def shared(file: Any) -> None:
    """One array under many names, which together would take more than the file."""
    for number in range(3000):
        file[f"conv2d_{1000 + number}/kernel:0"] = file["conv2d_59/conv2d_59/kernel:0"]


def circular(file: Any) -> None:
    file["conv2d/again"] = file["conv2d"]


def twice(file: Any) -> None:
    file["conv2d/kernel:0"] = file[KERNEL]


def not_finite(file: Any) -> None:
    file[KERNEL][0, 0, 1, 2] = np.nan


def no_group(file: Any) -> None:
    file["conv2d/conv2d/named"] = np.dtype("float32")


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (huge, "which the file does not hold"),
        (external, "a link to somewhere else"),
        (soft, "a link to somewhere else"),
        (elsewhere, "keeps its numbers in another file"),
        (virtual, "keeps its numbers in another file"),
        (compressed, "is compressed"),
        (whole_numbers, "other numbers than"),
        (texts, "holds no numbers"),
        (shared, "more room than the file has"),
        (circular, "not as Keras writes it"),
        (twice, "two weights called kernel"),
        (not_finite, "conv2d/kernel holds numbers that are not finite"),
        (no_group, "not as Keras writes it"),
    ],
)
def test_a_hostile_file_is_refused(tmp_path: Path, edit: Callable[[Any], None], words: str) -> None:
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["kernel"] = np.ones((1, 1, 3, 8), "float32")
        file["conv2d/conv2d/kernel:0"] = np.ones((1, 1, 3, 8), "float32")
    (tmp_path / "secret.bin").write_bytes(bytes(96))
    assert words in refusal(edited(tmp_path, edit))


def test_names_in_a_file_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    def change(contents: dict[str, np.ndarray]) -> None:
        contents["\x1b[2Jconv2d/kernel:0"] = np.zeros(3, "float32")

    assert r"1 unexpected: \x1b[2Jconv2d/kernel" in refusal(changed(tmp_path, change))


def test_a_network_that_a_few_arrays_describe_is_not_built_for_them(tmp_path: Path) -> None:
    # Each block's kernel says 8192 channels; the network would take gigabytes.
    def change(contents: dict[str, np.ndarray]) -> None:
        for number in range(66):
            layer = f"conv2d_{number}" if number else "conv2d"
            name = f"{layer}/{layer}/kernel:0"
            contents[name] = np.zeros((*contents[name].shape[:2], 1, 8192), "float32")
        contents["dense/dense/kernel:0"] = np.zeros((8192, 2), "float32")

    text = refusal(changed(tmp_path, change))
    assert "66 of the wrong shape" not in text
    assert "of the wrong shape: " in text


def test_files_of_other_kinds_are_one_sentence(tmp_path: Path) -> None:
    whole = CHECKPOINT.read_bytes()
    (tmp_path / "half.h5").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.h5").write_text("hello")
    (tmp_path / "empty.h5").write_bytes(b"")
    (tmp_path / "folder.h5").mkdir()
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save_weights(
        tmp_path / "keras3.weights.h5"
    )
    for name, words in (
        ("half.h5", "truncated"), ("text.h5", "damaged or truncated"),
        ("empty.h5", "damaged or truncated"), ("folder.h5", "is a folder"),
        ("none.h5", "there is no such file"), ("keras3.weights.h5", "Keras 2 did not write it"),
    ):  # fmt: skip
        assert words in refusal(tmp_path / name)


@pytest.mark.slow
def test_damaged_bytes_are_refused_or_only_change_numbers(tmp_path: Path) -> None:
    whole, dice = CHECKPOINT.read_bytes(), np.random.default_rng(0)
    path = tmp_path / "damaged.h5"
    sentences = []
    for _ in range(40):
        damaged = np.frombuffer(whole, np.uint8).copy()
        damaged[dice.integers(0, len(whole), 60)] = dice.integers(0, 256, 60)
        path.write_bytes(damaged.tobytes())
        try:
            load_blog_logits(path, num_classes=1)
        except CheckpointError as error:
            sentences.append(str(error))
    assert sentences
    assert all(sentence.isprintable() for sentence in sentences)
