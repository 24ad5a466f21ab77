"""What TensorFlow prints at its start is shown only where the start fails."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

NOISE = "oneDNN custom operations are on"


def imported_with(folder: Path, ending: str) -> subprocess.CompletedProcess[str]:
    """Import a TensorFlow that writes to the file descriptor, as its C++ does, and then ends so."""
    (folder / "keras.py").write_text("")
    (folder / "tensorflow.py").write_text(
        "import os, signal, sys, types\n"
        f"os.write(2, b'{NOISE}\\n')\n"
        "config = types.SimpleNamespace(list_physical_devices=lambda: [])\n"
        f"{ending}\n"
    )
    return subprocess.run(
        [sys.executable, "-c",
         "from parnet_zoo.tracking.signals import interruptible\n"
         "from parnet_zoo.training.silence import import_quietly\n"
         "with interruptible():\n"
         "    import_quietly()\n"
         "import os; os.write(2, b'later\\n')"],
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_the_lines_are_dropped_and_standard_error_comes_back(tmp_path: Path) -> None:
    done = imported_with(tmp_path, "")
    assert (done.returncode, done.stderr) == (0, "later\n")


def test_the_lines_explain_an_import_that_fails(tmp_path: Path) -> None:
    done = imported_with(tmp_path, "raise ImportError('no CUDA')")
    assert done.stderr.startswith(f"{NOISE}\n")
    assert "ImportError: no CUDA" in done.stderr


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_an_interrupt_during_the_import_does_not_spill_them(tmp_path: Path, name: str) -> None:
    done = imported_with(tmp_path, f"os.kill(os.getpid(), signal.{name})\nwhile True: pass")
    assert done.returncode != 0
    assert "KeyboardInterrupt" in done.stderr or "Interrupted" in done.stderr
    assert NOISE not in done.stderr
