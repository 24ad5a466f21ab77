"""The networks run under Keras' JAX backend as well, and pass the same tests of parity."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

from tests.conftest import REPOSITORY

PARITY = (
    "test_authors_parity.py::test_logits_are_the_authors_at_every_size_in_both_forms",
    "test_authors_parity.py::test_every_stage_is_the_authors",
    "test_authors_parity.py::test_training_mode_has_the_authors_logits_loss_and_gradients",
    "test_blog_checkpoint.py::test_probabilities_are_the_blogs_and_every_key_is_used",
)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("jax") is None, reason="jax is not installed")
def test_the_parity_tests_pass_under_jax() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *PARITY],
        cwd=REPOSITORY / "tests",
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "7 passed" in done.stdout  # three for each of two activations, and the blog's
