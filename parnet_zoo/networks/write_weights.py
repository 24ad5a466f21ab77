"""A network's weights as a file of Keras."""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from parnet_zoo.networks.keras_file import ARCHIVED


def write_weights(model: Any, path: Path) -> None:
    """Write the `.weights.h5` that `model.save_weights` would, by way of an archive that has it.

    Straight into a file, HDF5 prints pages and brings the process down where the disk is full.

    Args:
        model: Not compiled; with an optimiser the file would have that in it, too.
        path: Ends in `.weights.h5`. It appears under its name when it is complete.

    Raises:
        OSError: The disk is full, or fails.
    """
    with TemporaryDirectory(dir=path.parent, prefix="unfinished-") as folder:
        whole, bare = Path(folder) / "model.keras", Path(folder) / path.name
        model.save(whole)
        with (
            zipfile.ZipFile(whole) as archive,
            archive.open(ARCHIVED) as weights,
            bare.open("wb") as file,
        ):
            shutil.copyfileobj(weights, file)
            file.flush()
            os.fsync(file.fileno())
        bare.replace(path)
