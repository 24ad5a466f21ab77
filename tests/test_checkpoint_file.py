"""Checkpoints of a training: whole, or known not to be."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from parnet_zoo.errors import ParnetZooError
from parnet_zoo.training.checkpoint_file import (
    MAGIC,
    Checkpoint,
    DamagedCheckpointError,
    read_checkpoint,
    write_checkpoint,
)
from parnet_zoo.training.checkpoint_folder import CheckpointFolder

ARRAYS: dict[str, NDArray[Any]] = {
    "model/0/kernel": np.arange(12, dtype=np.float32).reshape(3, 4) / 7,
    "model/1/seed": np.asarray([1, 2**32 - 1], np.uint32),
    "optimizer/0/iteration": np.asarray(12345, np.int64),
    "optimizer/1/finite": np.asarray(True),
    "average/0/empty": np.zeros((0, 3), np.float32),
}
STATE = {"step": 7, "history": {"loss": [0.1, float("nan"), 1 / 3]}}
WHOLE = Checkpoint(ARRAYS, STATE)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("checkpoint") / "a.checkpoint"
    write_checkpoint(path, WHOLE)
    return path.read_bytes()


def test_what_is_read_is_what_was_written_bit_for_bit(tmp_path: Path) -> None:
    path = tmp_path / "a.checkpoint"
    write_checkpoint(path, WHOLE)
    found = read_checkpoint(path)
    assert list(found.arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert found.arrays[name].dtype == array.dtype
        assert found.arrays[name].shape == array.shape
        assert found.arrays[name].tobytes() == array.tobytes()
    assert found.state["history"]["loss"][0] == 0.1
    assert found.state["history"]["loss"][2] == 1 / 3
    assert np.isnan(found.state["history"]["loss"][1])
    assert [p.name for p in tmp_path.iterdir()] == ["a.checkpoint"]


@given(data=st.data())
@settings(max_examples=60)
def test_a_file_that_is_torn_anywhere_is_known_to_be(
    written: bytes, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    length = data.draw(st.integers(0, len(written) - 1))
    path = tmp_path_factory.getbasetemp() / "torn.checkpoint"
    path.write_bytes(written[:length])
    with pytest.raises(DamagedCheckpointError, match=r"torn\.checkpoint"):
        read_checkpoint(path)


@given(data=st.data())
@settings(max_examples=60)
def test_a_file_with_any_byte_altered_is_known_to_be(
    written: bytes, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(written) - 1))
    bit = data.draw(st.integers(0, 7))
    path = tmp_path_factory.getbasetemp() / "altered.checkpoint"
    altered = bytearray(written)
    altered[place] ^= 1 << bit
    path.write_bytes(bytes(altered))
    with pytest.raises(DamagedCheckpointError, match=r"altered\.checkpoint"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    "header",
    [
        {"state": {}, "arrays": [["a", "float32", [10**30]]]},
        {"state": {}, "arrays": [["a", "float32", [10**12]]]},
        {"state": {}, "arrays": [["a", "float32", [-1]]]},
        {"state": {}, "arrays": [["a", "object", [1]]]},
        {"state": 3, "arrays": []},
        [],
    ],
)
def test_a_header_that_promises_what_is_not_there_is_refused(tmp_path: Path, header: Any) -> None:
    content = MAGIC + json.dumps(header).encode() + b"\n" + bytes(4)
    path = tmp_path / "hostile.checkpoint"
    path.write_bytes(content + hashlib.sha256(content).digest())
    with pytest.raises(DamagedCheckpointError, match=r"hostile\.checkpoint is no checkpoint"):
        read_checkpoint(path)


def test_files_with_other_names_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "zzz.checkpoint").write_bytes(b"")
    folder = CheckpointFolder(tmp_path)
    for step in range(3):
        folder.save(Checkpoint(ARRAYS, {"step": step}))
    found = folder.latest()
    assert found is not None
    assert found.state == {"step": 2}
    assert len(list(tmp_path.iterdir())) == 3


def test_two_checkpoints_are_kept_and_the_last_is_found(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path / "checkpoints")
    assert folder.latest() is None
    for step in range(5):
        folder.save(Checkpoint(ARRAYS, {"step": step}))
    assert len(list((tmp_path / "checkpoints").iterdir())) == 2
    found = CheckpointFolder(tmp_path / "checkpoints").latest()
    assert found is not None
    assert found.state == {"step": 4}


def test_a_damaged_checkpoint_is_named_and_the_one_before_it_is_used(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    folder.save(Checkpoint(ARRAYS, {"step": 1}))
    last = folder.save(Checkpoint(ARRAYS, {"step": 2}))
    last.write_bytes(last.read_bytes()[:-100])
    found = folder.latest()
    assert found is not None
    assert found.state == {"step": 1}
    assert [last.name in sentence for sentence in folder.damaged] == [True]
    assert not last.exists()
    folder.save(Checkpoint(ARRAYS, {"step": 3}))
    again = folder.latest()
    assert again is not None
    assert again.state == {"step": 3}


FULL_DISK = """
import resource, sys
from pathlib import Path
import numpy as np
from parnet_zoo.training.checkpoint_file import Checkpoint
from parnet_zoo.training.checkpoint_folder import CheckpointFolder
folder = CheckpointFolder(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
folder.save(Checkpoint({"a": np.zeros(100, np.float32)}, {"step": 1}))
folder.save(Checkpoint({"a": np.zeros(1_000_000, np.float32)}, {"step": 2}))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits on the size of files are POSIX's")
def test_where_no_more_can_be_written_the_checkpoint_before_stays_good(tmp_path: Path) -> None:
    """A limit on the size of files fails as a full disk does: in the middle of a write."""
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "no checkpoint could be written in" in done.stderr
    assert "what was saved before is whole: make room, then resume the run" in done.stderr
    found = CheckpointFolder(tmp_path).latest()
    assert found is not None
    assert found.state == {"step": 1}
    assert len(list(tmp_path.iterdir())) == 1


def test_an_unwritable_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ParnetZooError, match="no checkpoint could be written"):
        CheckpointFolder(tmp_path / "file" / "checkpoints").save(WHOLE)
