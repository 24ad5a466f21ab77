"""Checkpoints of other code become Keras files that give the same answers, or one sentence."""

from __future__ import annotations

import json
import os
import pickle
import resource
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import registry
from parnet_zoo.cli.convert import next_steps
from parnet_zoo.cli.spec_beside import spec_beside
from parnet_zoo.errors import UsageError
from parnet_zoo.networks.checkpoints import load_authors, load_blog
from parnet_zoo.networks.checkpoints.authors_file import AuthorsFile
from parnet_zoo.networks.checkpoints.conversion import Conversion
from parnet_zoo.networks.checkpoints.convert import ConversionJob, convert
from parnet_zoo.networks.checkpoints.errors import CheckpointError
from parnet_zoo.networks.checkpoints.key_report import KeyReport
from parnet_zoo.networks.checkpoints.nearest_spec import NearestSpec
from parnet_zoo.networks.checkpoints.torch_file import read_torch_file
from parnet_zoo.networks.spec import ParNetSpec, ScalingSpec
from parnet_zoo.recipe import dump_spec, load_recipe, load_spec
from tests.conftest import PROGRAMS, REPOSITORY, Done, user_environment
from tests.test_authors_parity import Touch, rewritten, with_description, with_storage
from tests.test_cli import write_pictures
from tests.test_train import TINY
from tests.torch_files import save_torch

Run = Callable[..., Done]

FIXTURES = REPOSITORY / "tests" / "fixtures"
AUTHORS = FIXTURES / "official_tiny_silu.pth.tar"
BLOG = FIXTURES / "blog_tiny.h5"
CONVERT = ("backbones", "convert")


def state() -> dict[str, Any]:
    """The authors' tensors by key, without `module.`."""
    tensors = read_torch_file(AUTHORS)["state_dict"]
    return {key.removeprefix("module."): tensor for key, tensor in tensors.items()}


def authors_file(content: Any, path: Path, **options: Any) -> AuthorsFile:
    """What is made of a checkpoint with that content, by way of a real file."""
    read = read_torch_file(save_torch(path, content))
    return AuthorsFile.of(read, path.name, **{"activation": "silu", "ema": False, **options})


# What comes out


@pytest.mark.slow
def test_an_authors_checkpoint_becomes_a_model_that_a_fresh_process_loads(
    parnet_zoo_in: Run,
) -> None:
    done = parnet_zoo_in(*CONVERT, str(AUTHORS), "--to", "tiny.keras")
    assert done.code == 0, done.stderr
    assert done.stderr == "loading TensorFlow\n"
    for words in (
        "of ParNet's authors; epoch 119; arch simplenet; sha256 bd3e62bb",
        "parnet_s+c16-24-40+f64: widths 16, 24, 40, 64; blocks 4, 5, 5; silu; 10 classes",
        "316 keys match",
        "written     tiny.keras, ",
        "\n  parnet-zoo train RECIPE --model tiny.yaml --weights tiny.keras\n",
        "load_spec('tiny.yaml').build(num_classes=10, weights='tiny.keras')",
    ):
        assert words in done.stdout
    assert load_spec(done.folder / "tiny.yaml").name == "parnet_s+c16-24-40+f64"
    script = (
        "import sys, keras, numpy as np, parnet_zoo.networks\n"
        "arrays = np.load(sys.argv[1])\n"
        "logits = keras.saving.load_model('tiny.keras')(arrays['input_0'])\n"
        "print(np.abs(np.asarray(logits) - arrays['logits_0']).max())\n"
    )
    fresh = subprocess.run(
        [sys.executable, "-c", script, str(AUTHORS.with_name("official_tiny_silu.npz"))],
        cwd=done.folder, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert fresh.returncode == 0, fresh.stderr
    assert float(fresh.stdout) < 1e-4


@pytest.mark.slow
def test_its_weights_fill_the_network_that_the_answer_names(tmp_path: Path) -> None:
    target = tmp_path / "tiny.weights.h5"
    done = convert(FIXTURES / "official_tiny_relu.pth.tar", target, activation="relu")
    assert [path.name for path in tmp_path.iterdir()] == [target.name]
    spec = registry.from_mapping(json.loads(done.model_dump_json())["spec"])
    assert spec.name == done.network == "parnet_s+c16-24-40+f64+relu"
    model = spec.build(num_classes=done.classes, weights=target)
    arrays = np.load(FIXTURES / "official_tiny_relu.npz")
    got = np.asarray(model(arrays["input_0"]))
    np.testing.assert_allclose(got, arrays["logits_0"], rtol=0, atol=1e-4)


@pytest.mark.slow
def test_a_checkpoint_of_the_blog_is_told_as_json_and_gives_its_probabilities(
    parnet_zoo_in: Run,
) -> None:
    done = parnet_zoo_in(*CONVERT, str(BLOG), "--to", "blog.weights.h5", "--json", "--quiet")
    assert (done.code, done.stderr) == (0, "")
    told = done.json
    spec = load_spec(done.folder / told["spec_file"])
    assert spec == registry.from_mapping(told["spec"])
    assert (told["format"], told["input_size"], told["classes"]) == ("blog", 128, 2)
    assert not told["keys"]["missing"] + told["keys"]["unexpected"] + told["keys"]["wrong_shape"]
    model = spec.build(num_classes=2, weights=done.folder / told["target"])
    arrays = np.load(FIXTURES / "blog_tiny.npz")
    powers = np.exp(np.asarray(model(arrays["input_0"]), np.float64))
    probabilities = powers / powers.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(probabilities, arrays["probabilities_0"], rtol=0, atol=1e-5)


@pytest.mark.slow
def test_a_fresh_head_is_said_to_be_one(tmp_path: Path) -> None:
    import keras

    done = convert(BLOG, tmp_path / "blog.keras", num_classes=5)
    assert (done.classes, done.head_left_out) == (5, True)
    assert keras.saving.load_model(done.target)(np.zeros((1, 128, 128, 3))).shape == (1, 5)


def told(base: str, changes: dict[str, Any]) -> Conversion:
    """What is told of a conversion, with the spec file in the current folder."""
    spec = registry.get(base).scaled(**changes)
    spec_file = Path("out of.yaml") if changes else None
    if spec_file:
        spec_file.write_text(dump_spec(spec))
    return Conversion(
        source=AUTHORS, sha256="0", format="blog" if "blog" in base else "authors",
        target=Path("out of.weights.h5"), spec_file=spec_file,
        network=spec.name, base=base, changes=changes, spec=spec.model_dump(mode="json"),
        classes=10, head_left_out=False, activation="silu", ema=False, keys=KeyReport(),
        input_size=spec.resolution if "blog" in base else None,
    )  # fmt: skip


@pytest.mark.parametrize("recipe", ["dogcat", "quickstart"])
@pytest.mark.parametrize(
    ("base", "changes"),
    [
        ("parnet_s_release", {}),
        ("parnet_s_release", {"activation": "silu"}),
        ("parnet_s", {"channels": (16, 24, 40), "final_channels": 64, "depth": (1, 2, 3)}),
        ("parnet_blog_s", {}),
        ("parnet_blog_s", {"resolution": 128, "final_channels": 96, "stem_channels": 8}),
    ],
)
def test_the_line_that_it_prints_makes_any_recipe_one_of_that_network(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    recipe: str,
    base: str,
    changes: dict[str, Any],
) -> None:
    monkeypatch.chdir(tmp_path)
    done = told(base, changes)
    [line] = [line for line in next_steps(done) if line.startswith("  parnet-zoo train RECIPE ")]
    words = shlex.split(line)[3:]
    flags = list(zip(words[::2], words[1::2], strict=True))
    settings = [value for flag, value in flags if flag == "--set"]
    named = {flag[2:].replace("-", "_"): value for flag, value in flags if flag != "--set"}
    size = {"image_size": int(named.pop("image_size", "224"))}
    loaded = load_recipe(recipe, settings, **{**named, **size}).recipe
    assert loaded.spec().name == done.network
    assert loaded.model.weights == "out of.weights.h5"
    assert "blog" not in base or loaded.data.normalization == "unit"


def test_a_network_for_other_than_rgb_pictures_has_its_line_of_python_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = "\n".join(next_steps(told("parnet_s", {"in_channels": 1})))
    assert "parnet-zoo train" not in lines
    assert "load_spec('out of.yaml').build(num_classes=10, weights='out of.weights.h5')" in lines


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "size"), [(AUTHORS, ("--image-size", "64")), (BLOG, ())], ids=["authors", "blog"]
)
def test_the_line_that_it_prints_trains(
    parnet_zoo_in: Run, source: Path, size: tuple[str, ...]
) -> None:
    done = parnet_zoo_in(*CONVERT, str(source), "--to", "it.weights.h5")
    [line] = [line for line in done.stdout.splitlines() if "parnet-zoo train RECIPE" in line]
    flags = shlex.split(line)[3:]
    (done.folder / "tiny.yaml").write_text(TINY)
    write_pictures(done.folder / "pictures", {"train/a": 24, "train/bbbbb": 24})
    trained = parnet_zoo_in("train", "tiny.yaml", *flags, *size)
    assert trained.code == 0, trained.stderr
    assert "weights from it.weights.h5: " in trained.stderr


@pytest.mark.parametrize("suffix", [".keras", ".weights.h5"])
def test_a_spec_file_that_exists_is_refused_before_anything_is_written(
    parnet_zoo_in: Run, tmp_path: Path, suffix: str
) -> None:
    (tmp_path / "out.yaml").write_text("precious")
    done = parnet_zoo_in(*CONVERT, str(AUTHORS), "--to", str(tmp_path / f"out{suffix}"))
    assert (done.code, done.stdout) == (2, "")
    path = tmp_path / "out.yaml"
    assert done.stderr == f"{path} exists; give another name, or force (--force) to replace it\n"
    assert [path.read_text() for path in tmp_path.iterdir()] == ["precious"]


def test_a_registered_network_needs_no_spec_file(tmp_path: Path) -> None:
    done = ConversionJob.checked(AUTHORS, tmp_path / "out.keras")
    assert spec_beside(done, force=False) == tmp_path / "out.yaml"
    with registry.temporary():
        registry.register(done.spec.model_copy(update={"name": "mine"}))
        job = ConversionJob.checked(AUTHORS, tmp_path / "out.keras")
        assert (job.spec.name, spec_beside(job, force=False)) == ("mine", None)


def test_the_checkpoint_is_not_replaced_by_its_spec(tmp_path: Path) -> None:
    source = Path(shutil.copy(AUTHORS, tmp_path / "out.yaml"))
    job = ConversionJob.checked(source, tmp_path / "out.keras")
    with pytest.raises(UsageError, match="is the checkpoint itself"):
        spec_beside(job, force=True)


@pytest.mark.parametrize(
    ("scaling", "name"),
    [
        ({"channels": (92, 192, 384), "final_channels": 1280, "activation": "relu"},
         "parnet_s_release"),
        ({"channels": (92, 192, 384), "final_channels": 1280}, "parnet_s_release+silu"),
        ({"channels": (200, 400, 800), "final_channels": 3200}, "parnet_xl"),
        ({"channels": (16, 24, 40), "final_channels": 64, "depth": (1, 1, 1)}, "parnet_test"),
        ({"channels": (96, 192, 384), "final_channels": 1280, "in_channels": 1}, "parnet_s+in1"),
        ({"channels": (8, 8, 8), "final_channels": 8}, "parnet_s+c8-8-8+f8"),
    ],
)  # fmt: skip
def test_a_network_is_called_by_the_registered_spec_that_it_is_or_comes_from(
    scaling: dict[str, Any], name: str
) -> None:
    nearest = NearestSpec.to(ScalingSpec(**scaling), kind=ParNetSpec, default="parnet_s")
    assert nearest.spec.name == name
    assert nearest.spec == registry.get(nearest.base).scaled(**nearest.changes)


@pytest.mark.slow
def test_of_the_released_network_it_is_said_that_its_code_ran_relu(tmp_path: Path) -> None:
    from parnet_zoo.networks.checkpoints.authors import _wanted

    model = registry.get("parnet_s_release").build(num_classes=2)
    tensors = {key: _as_torch(variable) for key, variable in _wanted(model, with_head=True)}
    path = save_torch(tmp_path / "s.pth.tar", {"state_dict": tensors})
    done = convert(path, tmp_path / "s.weights.h5")
    assert (done.base, done.network) == ("parnet_s_release", "parnet_s_release+silu")
    assert "their code ran with ReLU; with the activation relu it gives the outputs" in done.note


def _as_torch(variable: Any) -> Any:
    array = np.asarray(variable)
    return array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T


def test_the_moving_average_and_bare_and_prefixed_states_are_read(tmp_path: Path) -> None:
    tensors = state()
    average = {f"module.{key}": np.asarray(value + 1) for key, value in tensors.items()}
    content = {"state_dict": tensors, "state_dict_ema": average, "epoch": 7, "arch": "net\n\x1b[2J"}
    path = tmp_path / "both.pth.tar"
    plain, smooth = (authors_file(content, path, ema=ema) for ema in (False, True))
    assert (plain.epoch, plain.arch) == (7, r"net\n\x1b[2J")
    assert plain.tensors.keys() == smooth.tensors.keys()
    key = "combine.0.b1.bias"
    np.testing.assert_array_equal(smooth.tensors[key], plain.tensors[key] + 1)
    bare = authors_file(average, path)
    np.testing.assert_array_equal(bare.tensors[key], smooth.tensors[key])
    assert (bare.epoch, bare.arch) == (None, None)
    odd = authors_file({**content, "epoch": True, "arch": ["x"]}, path)
    assert (odd.epoch, odd.arch) == (None, None)


# What is refused


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("out.h5", "ends in .keras or .weights.h5"),
        (".keras", "ends in .keras or .weights.h5"),
        ("nowhere/out.keras", "there is no folder nowhere; make it first"),
        ("there.keras", "there.keras exists; give another name, or force (--force) to replace it"),
        ("folder.keras", "folder.keras is a folder"),
    ],
)
def test_a_target_that_cannot_be_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there.keras").write_text("precious")
    Path("folder.keras").mkdir()
    with pytest.raises(UsageError) as caught:
        ConversionJob.checked(AUTHORS, name)
    assert words in str(caught.value)
    assert Path("there.keras").read_text() == "precious"


def test_the_checkpoint_is_never_written_to(tmp_path: Path) -> None:
    source = Path(shutil.copy(AUTHORS, tmp_path / "mine.keras"))
    (tmp_path / "link.keras").symlink_to(source)
    for target in (source, tmp_path / "link.keras"):
        with pytest.raises(UsageError, match="is the checkpoint itself"):
            ConversionJob.checked(source, target, force=True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"num_classes": 0}, "at least one class, not 0"),
        ({"activation": "gelu"}, "silu or relu, not 'gelu'"),
        ({"ema": True}, "has no state_dict_ema"),
    ],
)
def test_wrong_arguments_are_one_sentence(
    tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        ConversionJob.checked(AUTHORS, tmp_path / "out.keras", **options)


def damaged(folder: Path) -> dict[str, tuple[Path, str]]:
    """Files that are no checkpoints, and what is said about each."""
    files = {
        "truncated": (AUTHORS.read_bytes()[:500_000], "or is truncated"),
        "half.h5": (BLOG.read_bytes()[:500_000], "damaged or truncated"),
        "text": (b"hello", "neither a PyTorch file"),
        "empty": (b"", "is empty"),
        "legacy": (pickle.dumps({}, protocol=2), "before PyTorch 1.6 must be saved again"),
    }
    found = {}
    for name, (content, words) in files.items():
        (folder / name).write_bytes(content)
        found[name] = (folder / name, words)
    with zipfile.ZipFile(folder / "foreign.zip", "w") as archive:
        archive.writestr("readme", "hello")
    found["foreign"] = (folder / "foreign.zip", "not one that torch.save wrote")
    with zipfile.ZipFile(folder / "done.keras", "w") as archive:
        archive.writestr("model.weights.h5", "hello")
    found["keras"] = (folder / "done.keras", "is a file of Keras 3 already; give it to --weights")
    found["none"] = (folder / "nowhere", "there is no such file")
    found["folder"] = (folder, "is a folder")
    os.mkfifo(folder / "pipe")  # who opens it waits for a writer
    found["pipe"] = (folder / "pipe", "is no regular file")
    return found


def test_files_that_are_no_checkpoints_are_one_sentence(tmp_path: Path) -> None:
    for path, words in damaged(tmp_path).values():
        with pytest.raises(CheckpointError, match=words) as caught:
            ConversionJob.checked(path, tmp_path / "out.keras")
        assert "\n" not in str(caught.value)
        assert "eof" not in str(caught.value)


def test_each_loader_names_the_other_for_a_file_of_the_other(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"HDF5 file of Keras; load_blog reads"):
        load_authors(BLOG)
    with pytest.raises(CheckpointError, match=r"PyTorch wrote is read by load_authors"):
        load_blog(AUTHORS)


def test_arguments_are_refused_at_the_command_line_in_plain_words(parnet_zoo_in: Run) -> None:
    done = parnet_zoo_in(*CONVERT, str(AUTHORS), "--to", "out.keras", "--activation", "gelu")
    assert (done.code, done.stderr) == (2, "the activation is silu or relu, not 'gelu'\n")


def test_at_the_command_line_bad_files_exit_with_2_before_tensorflow_is_loaded(
    parnet_zoo_in: Run, tmp_path: Path
) -> None:
    touched = tmp_path / "touched"
    evil = with_description(tmp_path / "evil.pth.tar", pickle.dumps({"a": Touch(touched)}))
    for path, words in ((damaged(tmp_path)["truncated"]), (evil, "nothing of it was run")):
        done = parnet_zoo_in(*CONVERT, str(path), "--to", "out.keras")
        assert (done.code, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
        assert words in done.stderr
    assert not touched.exists()
    assert not (tmp_path / "out.keras").exists()


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    path = save_torch(tmp_path / "resnet.pth.tar", {"state_dict": {"conv1.weight": np.zeros(4)}})
    with pytest.raises(CheckpointError, match=r"resnet.pth.tar is no ParNet checkpoint: 'streams"):
        ConversionJob.checked(path, tmp_path / "out.keras")


@pytest.mark.slow
def test_missing_and_unexpected_keys_are_told_and_nothing_is_written(tmp_path: Path) -> None:
    path, target = tmp_path / "other.pth.tar", tmp_path / "out.keras"
    tensors = state()
    tensors["sur\nprise"] = tensors.pop("combine.0.b1.bias")
    save_torch(path, {"state_dict": tensors})
    with pytest.raises(CheckpointError) as caught:
        convert(path, target)
    assert "1 missing: combine.0.b1.bias; 1 unexpected: sur\\nprise" in str(caught.value)
    assert [item.name for item in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("streams.2.63.block.rbr_identity.weight", np.ones(40),
         r"describes a network of [\d,]+ numbers, but holds [\d,]+ only"),
        ("combine.3.block.rbr_dense.bn.weight", np.ones(16384), "but holds [0-9,]+ only"),
        ("streams.1.99.x", np.ones(1), "no ParNet that can be built"),
        ("streams.1." + "9" * 5000 + ".x", np.ones(1), None),
        ("streams.0.0.block.rbr_identity.weight", np.ones(15), "no ParNet that can be built"),
        ("streams.0.0.block.rbr_identity.weight", np.array(1.0), "too few dimensions"),
        ("head.fc.bias", np.ones(0), "its head has no classes"),
        ("head.fc.bias", np.full(10, np.nan), "not finite numbers, in 1 of 316 tensors, such as"),
        ("head.fc.bias", np.full(10, 1e39), "not finite numbers, in 1 of 316"),  # in float32
    ],
)  # fmt: skip
def test_tensors_that_describe_no_network_are_refused_before_one_is_built(
    tmp_path: Path, key: str, value: Any, words: str | None
) -> None:
    tensors = {**state(), key: value}
    if words is None:  # an unexpected key, which is told when the network is compared with the file
        assert key in authors_file({"state_dict": tensors}, tmp_path / "odd.pth.tar").tensors
        return
    with pytest.raises(CheckpointError, match=words):
        authors_file({"state_dict": tensors}, tmp_path / "odd.pth.tar")


def test_a_head_of_so_many_classes_does_not_fit_in_memory(tmp_path: Path) -> None:
    with pytest.raises(registry.SpecError, match=r"parnet with 1,000,000,000,000 classes would"):
        convert(AUTHORS, tmp_path / "out.keras", num_classes=10**12)


# Python ends itself on these: a reader that lets them through takes the test's process with it.
@pytest.mark.parametrize(
    "description",
    [
        b"}" + b")" + b"\x85" * 1_000_000 + b"Ns",  # a key of tuples in tuples
        b"Nr\xff\xff\xff\xff",  # room for four billion objects
        b"N" + b"p4000000000\n",
    ],
    ids=["nested", "memo", "text memo"],
)
def test_descriptions_that_would_end_the_process_are_refused(
    tmp_path: Path, description: bytes
) -> None:
    path = with_storage(tmp_path / "hostile.pth.tar", 1, description)
    script = (
        "import resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32))\n"
        "from parnet_zoo.networks.checkpoints.torch_file import read_torch_file\n"
        "read_torch_file(sys.argv[1])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.returncode
    assert "asks for far more than a network needs" in done.stderr


def test_a_file_that_memory_does_not_hold_is_not_read(
    tmp_path: Path,
) -> None:
    huge = tmp_path / "huge.pth.tar"
    with huge.open("wb") as file:
        file.write(b"PK\x03\x04")
        file.truncate(2**43)  # takes no room on the disk
    with pytest.raises(CheckpointError, match=r"about 17,592.2 GB of memory, of which this"):
        read_torch_file(huge)


@pytest.mark.slow
def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    name = "out.weights.h5"

    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    done = subprocess.run(
        [str(PROGRAMS / "parnet-zoo"), *CONVERT, str(AUTHORS), "--to", name, "--quiet"],
        cwd=tmp_path, env=user_environment(), capture_output=True, text=True, timeout=300,
        preexec_fn=little_room, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == f"{name} cannot be written: File too large\n"
    assert list(tmp_path.iterdir()) == []


# Damage of any kind


WHOLE = AUTHORS.read_bytes()
Damage = Callable[[Path, st.DataObject], Path]


def flipped(path: Path, data: st.DataObject) -> Path:
    content = bytearray(WHOLE)
    # The archive's table of contents is at the end: damage there is the more interesting half.
    start = data.draw(st.sampled_from([0, WHOLE.index(b"PK\x01\x02")]))
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(start, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    return path


def cut(path: Path, data: st.DataObject) -> Path:
    path.write_bytes(WHOLE[: data.draw(st.integers(0, len(WHOLE) - 1))])
    return path


def with_another_program(path: Path, data: st.DataObject) -> Path:
    """The archive is whole, and its description is changed."""

    def change(parts: dict[str, bytes]) -> None:
        [name] = [name for name in parts if name.endswith("/data.pkl")]
        content = bytearray(parts[name])
        for _ in range(data.draw(st.integers(1, 5))):
            place = data.draw(st.integers(0, len(content) - 1))
            content[place] = data.draw(st.integers(0, 255))
        parts[name] = bytes(content)

    return rewritten(AUTHORS, path, change)


DAMAGES: tuple[Damage, ...] = (flipped, cut, with_another_program)


def survives(path: Path, damage: Damage, data: st.DataObject) -> None:
    """A damaged file is read as if it were whole, or refused in one sentence."""
    told = ""
    try:
        AuthorsFile.of(read_torch_file(damage(path, data)), "x", activation="silu", ema=False)
    except CheckpointError as error:
        told = str(error)
    assert "\n" not in told
    assert len(told) < 600


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), damage=st.sampled_from(DAMAGES))
def test_a_damaged_file_is_never_more_than_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, damage: Damage
) -> None:
    survives(tmp_path_factory.mktemp("damaged") / "x.pth.tar", damage, data)


@pytest.mark.slow
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), damage=st.sampled_from(DAMAGES))
def test_a_damaged_file_is_never_more_than_refused_however_often(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, damage: Damage
) -> None:
    survives(tmp_path_factory.mktemp("damaged") / "x.pth.tar", damage, data)
