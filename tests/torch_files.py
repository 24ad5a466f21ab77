"""Checkpoints as `torch.save` writes them, without PyTorch."""

from __future__ import annotations

import io
import pickle
import sys
import types
import zipfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

STORAGES = {4: "FloatStorage", 8: "DoubleStorage"}
"""By the bytes of a number."""


def save_torch(path: Path, content: Any) -> Path:
    """Write plain values, and arrays of float64 or as float32, the way PyTorch writes them."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for kind in STORAGES.values():
        torch.__dict__[kind] = type(kind, (), {"__module__": "torch"})
    utils.__dict__["_rebuild_tensor_v2"] = _named_as_in(utils)
    with patch.dict(sys.modules, {"torch": torch, "torch._utils": utils}):
        description = io.BytesIO()
        pickler = _Pickler(description, torch, utils)
        pickler.dump(content)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", description.getvalue())
        for key, storage in enumerate(pickler.storages):
            archive.writestr(f"archive/data/{key}", storage.tobytes())
    return path


def _named_as_in(module: types.ModuleType) -> Any:
    def _rebuild_tensor_v2(*_: Any) -> None: ...

    _rebuild_tensor_v2.__module__ = module.__name__
    _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    return _rebuild_tensor_v2


class _Storage:
    """Stands for one tensor's numbers."""

    def __init__(self, key: int, kind: str, count: int) -> None:
        self.key = key
        self.kind = kind
        self.count = count


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, torch: Any, utils: Any) -> None:
        super().__init__(file, protocol=2)
        self._torch = torch
        self._utils = utils
        self.storages: list[NDArray[Any]] = []

    def persistent_id(self, obj: Any) -> Any:
        if isinstance(obj, _Storage):
            return ("storage", getattr(self._torch, obj.kind), str(obj.key), "cpu", obj.count)
        return None

    def reducer_override(self, obj: Any) -> Any:
        if not isinstance(obj, np.ndarray):
            return NotImplemented
        array = np.asarray(obj, "<f8" if obj.dtype == np.float64 else "<f4", order="C")
        self.storages.append(array)
        storage = _Storage(len(self.storages) - 1, STORAGES[array.dtype.itemsize], array.size)
        steps = tuple(step // array.itemsize for step in array.strides)
        return self._utils._rebuild_tensor_v2, (storage, 0, array.shape, steps, False, {})
