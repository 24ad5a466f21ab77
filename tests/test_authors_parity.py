"""The network is the authors' own: same outputs, stages, losses and gradients, on their files."""

from __future__ import annotations

import argparse
import copy
import pickle
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import pytest

from parnet_zoo.networks.checkpoints import load_authors
from parnet_zoo.networks.checkpoints.authors import block_prefix
from parnet_zoo.networks.checkpoints.errors import CheckpointError
from parnet_zoo.networks.checkpoints.torch_file import read_torch_file
from parnet_zoo.networks.deploy_form import to_deploy_form
from tests.conftest import REPOSITORY
from tests.gradients import training_step

FIXTURES = REPOSITORY / "tests" / "fixtures"
Activation = Literal["silu", "relu"]
ACTIVATIONS: tuple[Activation, ...] = ("silu", "relu")


def checkpoint(activation: Activation) -> Path:
    return FIXTURES / f"official_tiny_{activation}.pth.tar"


def reference(activation: Activation) -> Any:
    return np.load(FIXTURES / f"official_tiny_{activation}.npz")


def load(activation: Activation, **options: Any) -> Any:
    return load_authors(checkpoint(activation), activation, **options)


@pytest.mark.slow
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_logits_are_the_authors_at_every_size_in_both_forms(activation: Activation) -> None:
    model, arrays = load(activation), reference(activation)
    deploy = to_deploy_form(model)
    numbers = [name.removeprefix("input_") for name in arrays if name.startswith("input_")]
    assert numbers
    for number in numbers:
        for form in (model, deploy):
            got = np.asarray(form(arrays[f"input_{number}"]))
            np.testing.assert_allclose(got, arrays[f"logits_{number}"], rtol=0, atol=1e-4)


def stage(model: Any, key: str) -> Any:
    """The output that the fixtures name by a module of the checkpoint."""
    if key == "combine.1":  # inside merge 2: normalised and interleaved, before its convolutions
        return model.get_layer("merge_2_interleave").output
    stages = {last: name for name, last in model.topology.stages.items()}
    # a list of modules gives what the last one in it does
    inside = [
        plan.name
        for plan in model.topology.blocks
        if f"{block_prefix(plan)}.".startswith(f"{key}.")
    ]
    return model.stage_outputs[stages[inside[-1]]]


@pytest.mark.slow
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_stage_is_the_authors(activation: Activation) -> None:
    model, arrays = load(activation), reference(activation)
    stages = [name.removeprefix("stage_") for name in arrays if name.startswith("stage_")]
    assert len(stages) >= 8
    for key in stages:
        got = np.asarray(keras.Model(model.input, stage(model, key))(arrays["input_0"]))
        np.testing.assert_allclose(got, arrays[f"stage_{key}"], rtol=0, atol=1e-4, err_msg=key)


@pytest.mark.slow
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_training_mode_has_the_authors_logits_loss_and_gradients(activation: Activation) -> None:
    model, arrays = load(activation), reference(activation)
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    variables = dict(_keys_and_variables(model))
    keys = [name.removeprefix("grad_") for name in arrays if name.startswith("grad_")]
    assert len(keys) == 4
    step = training_step(
        model,
        lambda logits: cross_entropy(arrays["train_labels"], logits),
        arrays["train_input"],
        [variables[key] for key in keys],
    )
    np.testing.assert_allclose(step.outputs, arrays["train_logits"], rtol=0, atol=1e-4)
    assert step.loss == pytest.approx(float(arrays["train_loss"]), abs=1e-4)
    for key, gradient in zip(keys, step.gradients, strict=True):
        expected = arrays[f"grad_{key}"]
        if expected.ndim == 4:
            expected = expected.transpose(2, 3, 1, 0)
        elif expected.ndim == 2:
            expected = expected.T
        scale = np.abs(expected).max()
        np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-3 * scale, err_msg=key)


def _keys_and_variables(model: Any) -> Iterator[tuple[str, Any]]:
    from parnet_zoo.networks.checkpoints.authors import _wanted

    return _wanted(model, with_head=True)


def test_widths_depths_and_classes_are_read_off_the_tensors() -> None:
    model = load("relu")
    assert model.scaling.channels == (16, 24, 40)
    assert (model.scaling.final_channels, model.scaling.depth) == (64, (4, 5, 5))
    assert (model.num_classes, model.scaling.activation) == (10, "relu")
    assert model.key_report.complete
    assert len(model.key_report.matched) == 378 - 62


def test_another_number_of_classes_leaves_the_head_out() -> None:
    model = load("silu", num_classes=3)
    assert model(np.zeros((1, 32, 32, 3), "float32")).shape == (1, 3)
    assert not any(key.startswith("head.") for key in model.key_report.matched)


def rewritten(source: Path, target: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """A copy of a checkpoint with some of its parts changed."""
    with zipfile.ZipFile(source) as archive:
        parts = {info.filename: archive.read(info) for info in archive.infolist()}
    change(parts)
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return target


def with_description(target: Path, content: bytes) -> Path:
    def change(parts: dict[str, bytes]) -> None:
        [name] = [name for name in parts if name.endswith("/data.pkl")]
        parts[name] = content

    return rewritten(checkpoint("silu"), target, change)


class Touch:
    """Would touch a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def test_a_malicious_pickle_is_refused_and_nothing_of_it_runs(tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    content = pickle.dumps({"state_dict": {}, "args": Touch(touched)})
    pickle.loads(content)  # noqa: S301 - made here, to see that the attack is real
    assert touched.exists(), "the attack works on a plain unpickler"
    touched.unlink()
    with pytest.raises(CheckpointError, match=r"wants to import .* nothing of it was run"):
        load_authors(with_description(tmp_path / "evil.pth.tar", content))
    assert not touched.exists()


@pytest.mark.parametrize("name", ["os.system", "builtins.eval", "torch._utils.anything"])
def test_no_other_name_is_imported(tmp_path: Path, name: str) -> None:
    module, _, function = name.rpartition(".")
    content = f"c{module}\n{function}\n(S'x'\ntR.".encode()
    with pytest.raises(CheckpointError, match=name.replace(".", r"\.")):
        read_torch_file(with_description(tmp_path / "evil.pth.tar", content))


def test_namespaces_are_read_as_bags_of_plain_values(tmp_path: Path) -> None:
    content = pickle.dumps({"args": argparse.Namespace(lr=0.1, arch="parnet_s")}, protocol=2)
    found = read_torch_file(with_description(tmp_path / "args.pth.tar", content))
    assert vars(found["args"]) == {"lr": 0.1, "arch": "parnet_s"}
    assert not isinstance(found["args"], argparse.Namespace)


def tensor(key: str, count: int) -> bytes:
    """The pickle of a tensor of all numbers of a storage, as `torch.save` writes it."""
    texts = [b"X" + len(text).to_bytes(4, "little") + text for text in (b"storage", key.encode())]
    number = b"J" + count.to_bytes(4, "little")
    storage = b"(" + texts[0] + b"ctorch\nFloatStorage\n" + texts[1] + b"N" + number + b"tQ"
    size, stride, offset = number + b"\x85", b"K\x01\x85", b"K\x00"
    arguments = b"(" + storage + offset + size + stride + b"t"
    return b"ctorch._utils\n_rebuild_tensor_v2\n" + arguments + b"R"


def with_storage(path: Path, megabytes: int, pickled: bytes) -> Path:
    """A file of PyTorch's kind with one storage of float32 and this description."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/data.pkl", b"\x80\x02" + pickled + b".")
        archive.writestr("x/data/0", np.ones(megabytes * 250_000, "float32").tobytes())
    return path


def test_one_storage_cannot_be_asked_for_without_end(tmp_path: Path) -> None:
    def named(times: int, keys: Callable[[int], str]) -> Path:
        tensors = b"".join(tensor(keys(number), 250_000) + b"a" for number in range(times))
        return with_storage(tmp_path / "tensors.pth.tar", 1, b"]" + tensors)

    shared = read_torch_file(named(60, lambda _: "0"))
    assert [array.sum() for array in shared] == [250_000] * 60
    for keys in (lambda _: "0", lambda number: f"{number}/0"):
        with pytest.raises(CheckpointError, match="more than 71 MB together, far more than"):
            read_torch_file(named(100, keys))


def test_members_that_lie_inside_each_other_are_refused(tmp_path: Path) -> None:
    inner, path = tmp_path / "inner.zip", tmp_path / "over.pth.tar"
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("x/data/1", bytes(1_000_000))
    record = inner.read_bytes()[: archive.start_dir]
    record += bytes(-len(record) % 4)
    with zipfile.ZipFile(path, "w") as outer:
        tensors = tensor("0", len(record) // 4) + tensor("1", 250_000)
        outer.writestr("x/data.pkl", b"\x80\x02" + tensors + b"\x86.")
        outer.writestr("x/data/0", record)
        twin = copy.copy(archive.getinfo("x/data/1"))
        twin.header_offset = outer.start_dir - len(record)
        outer.filelist.append(twin)
        outer.NameToInfo[twin.filename] = twin
    # newer releases of Python find it out themselves
    with pytest.raises(CheckpointError, match=r"hold more than the file|Overlapped entries"):
        read_torch_file(path)


@pytest.mark.parametrize(
    "copies",
    [
        b"(" + b"N" * 1000 + b"l\x85q\x01" + b"ctorch\nSize\nh\x01R",
        b"}" + b"ccollections\nOrderedDict\n(]tR",
    ],
)
def test_nothing_else_that_copies_takes_much(tmp_path: Path, copies: bytes) -> None:
    with pytest.raises(CheckpointError):
        read_torch_file(with_storage(tmp_path / "copies.pth.tar", 1, copies))


def test_states_are_not_copied(tmp_path: Path) -> None:
    bag = b"(" + b"".join(b"X\x02\x00\x00\x00%02dN" % number for number in range(50)) + b"dq\x01"
    spaces = b"cargparse\nNamespace\n)\x81h\x01ba" * 2
    first, second = read_torch_file(with_storage(tmp_path / "bags.pth.tar", 1, bag + b"]" + spaces))
    assert len(vars(first)) == 50
    assert vars(first) is vars(second)


@pytest.mark.parametrize(
    ("hostile", "later", "words"),
    [
        (
            b"cargparse\nNamespace\nN}X\x02\x00\x00\x00lrK\x07s\x86b",
            b"cargparse\nNamespace\n)\x81",
            None,
        ),
        (
            b"ctorch._utils\n_rebuild_parameter\nN}X\x0c\x00\x00\x00__defaults__K\x07\x85s\x86b",
            b"ctorch._utils\n_rebuild_parameter\n)R",
            "cannot be read",
        ),
    ],
)
def test_a_file_cannot_change_how_a_later_one_is_read(
    tmp_path: Path, hostile: bytes, later: bytes, words: str | None
) -> None:
    with suppress(CheckpointError):
        read_torch_file(with_storage(tmp_path / "hostile.pth.tar", 1, hostile))
    innocent = with_storage(tmp_path / "innocent.pth.tar", 1, later)
    if words is None:
        assert not hasattr(read_torch_file(innocent), "lr")
    else:
        with pytest.raises(CheckpointError, match=words):
            read_torch_file(innocent)


def test_a_truncated_a_missing_and_a_foreign_file_are_one_sentence(tmp_path: Path) -> None:
    whole = checkpoint("silu").read_bytes()
    (tmp_path / "half.pth.tar").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.pth.tar").write_text("hello")
    with zipfile.ZipFile(tmp_path / "zip.pth.tar", "w") as archive:
        archive.writestr("readme", "hello")
    for name, words in (
        ("half", "truncated"), ("text", "no PyTorch checkpoint"),
        ("zip", "not one that torch.save wrote"), ("none", "no such file"),
    ):  # fmt: skip
        with pytest.raises(CheckpointError, match=words) as caught:
            load_authors(tmp_path / f"{name}.pth.tar")
        assert "\n" not in str(caught.value)


def test_a_damaged_tensor_is_found(tmp_path: Path) -> None:
    def shorten(parts: dict[str, bytes]) -> None:
        name = next(name for name in parts if "/data/" in name)
        parts[name] = parts[name][:-4]

    with pytest.raises(CheckpointError, match=r"does not have the .* numbers it should"):
        load_authors(rewritten(checkpoint("silu"), tmp_path / "short.pth.tar", shorten))


def state(activation: Activation = "silu") -> dict[str, Any]:
    return dict(read_torch_file(checkpoint(activation))["state_dict"])


@pytest.mark.parametrize("prefix", ["", "module."])
def test_missing_unexpected_and_misshapen_keys_are_listed_and_nothing_is_loaded(
    monkeypatch: pytest.MonkeyPatch, prefix: str
) -> None:
    tensors = {f"{prefix}{key.removeprefix('module.')}": value for key, value in state().items()}
    del tensors[f"{prefix}combine.0.b1.bias"]
    tensors[f"{prefix}surprise"] = np.zeros(3, "float32")
    key = f"{prefix}inits.1.block.rbr_dense.bn.weight"
    tensors[key] = tensors[key][:-1]
    monkeypatch.setattr(
        "parnet_zoo.networks.checkpoints.authors.read_torch_file", lambda _path: tensors
    )
    with pytest.raises(CheckpointError) as caught:
        load_authors("changed.pth.tar")
    text = str(caught.value)
    assert "1 missing: combine.0.b1.bias" in text
    assert "1 unexpected: surprise" in text
    assert "1 of the wrong shape: inits.1.block.rbr_dense.bn.weight" in text


def test_a_checkpoint_of_another_network_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "parnet_zoo.networks.checkpoints.authors.read_torch_file",
        lambda _path: {"state_dict": {"conv1.weight": np.zeros((4, 3, 7, 7))}},
    )
    with pytest.raises(CheckpointError, match="no ParNet checkpoint"):
        load_authors("resnet.pth.tar")
    with pytest.raises(CheckpointError, match="has no state_dict_ema"):
        load_authors("resnet.pth.tar", ema=True)
