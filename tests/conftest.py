"""Fixtures that several test files use."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with photographs and reference fixtures; tests that need it skip without it."""
    folder = Path(os.environ.get("PARNET_ZOO_SHARED", REPOSITORY.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no shared data at {folder}; set PARNET_ZOO_SHARED")
    return folder
