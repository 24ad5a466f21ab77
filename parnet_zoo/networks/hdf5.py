"""Arrays out of an HDF5 file without trusting it.

HDF5 can point to other files, compress, and claim any size. Keras does none of that with weights,
and what does is refused.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

from parnet_zoo.networks.checkpoints.errors import CheckpointError

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIGNATURE = b"\x89HDF\r\n\x1a\n"
"""How an HDF5 file begins."""
LONGEST_SHOWN = 100


@dataclass(frozen=True)
class StoredArray:
    """One array of the file, not yet read.

    Attributes:
        shape: As the file claims it.
        kind: NumPy's letter for the kind of number: f, i, u or b.
        nbytes: That it takes in the file.
    """

    shape: tuple[int, ...]
    kind: str
    nbytes: int
    _dataset: Any = field(repr=False)
    _bfloat16: bool = False

    def read(self) -> NDArray[Any]:
        """The numbers; as many as `shape` says.

        Raises:
            CheckpointError: The file is damaged.
        """
        import numpy as np

        with hdf5_errors():
            numbers = self._dataset[()]
        if self._bfloat16:
            import ml_dtypes

            numbers = numbers.view(ml_dtypes.bfloat16)
        return np.asarray(numbers)


@contextmanager
def open_hdf5(file: BinaryIO) -> Iterator[Any]:
    """The root group of an open file.

    Raises:
        CheckpointError: It is no HDF5 file, or truncated.
    """
    import h5py

    with hdf5_errors():
        root = h5py.File(file, "r")
    try:
        yield root
    finally:
        root.close()


@contextmanager
def hdf5_errors() -> Iterator[None]:
    """HDF5 answers a damaged file with any of Python's exceptions; this makes one sentence of it.

    Raises:
        CheckpointError: Whatever was raised inside.
    """
    try:
        yield
    except CheckpointError:
        raise
    except Exception as error:
        raise CheckpointError("it is damaged or truncated") from error


def item_of(group: Any, name: str) -> Any:
    """The group or array of that name, which must lie in the group itself.

    Args:
        group: A `h5py.Group`.
        name: One name, not a path: of a path, only the last link would be looked at.

    Raises:
        CheckpointError: There is none, or a link to somewhere else, perhaps outside the file.
    """
    import h5py

    if not isinstance(name, str):  # h5py gives bytes where they are no text
        raise CheckpointError(f"a name in it is no text: {shown(name)}")
    place = name.encode()
    if not group.id.links.exists(place):
        raise CheckpointError(f"its part {shown(name)} is missing")
    # Asked of the link itself: `in` and `get` would already follow it.
    if group.id.links.get_info(place).type != h5py.h5l.TYPE_HARD:
        raise CheckpointError(f"{shown(name)} is a link to somewhere else; Keras writes none")
    return group[name]


def is_group(item: Any) -> bool:
    """Whether an item is a group."""
    import h5py

    return isinstance(item, h5py.Group)


def is_array(item: Any) -> bool:
    """Whether an item is an array; not asked by its shape, for which HDF5 may open other files."""
    import h5py

    return isinstance(item, h5py.Dataset)


def stored_array(array: Any) -> StoredArray:
    """An array after a look at how it is stored: plainly, in the file, and all of it.

    Args:
        array: A `h5py.Dataset`.

    Raises:
        CheckpointError: It is not.
    """
    where = shown(array.name)
    if array.external or array.is_virtual:
        raise CheckpointError(f"{where} keeps its numbers in another file; Keras writes none such")
    if array.chunks is not None or array.shape is None:
        raise CheckpointError(f"{where} is compressed or cut into chunks; Keras writes none such")
    count = math.prod(array.shape)
    nbytes = count * array.dtype.itemsize
    if array.id.get_storage_size() != nbytes:
        raise CheckpointError(f"{where} claims {count} numbers, which the file does not hold")
    bfloat16 = array.dtype.str == "|V2" and short_text(array, "dtype") == "bfloat16"
    if not bfloat16 and array.dtype.kind not in "fiub":
        raise CheckpointError(f"{where} holds no numbers")
    kind = "f" if bfloat16 else array.dtype.kind
    return StoredArray(tuple(array.shape), kind, nbytes, array, bfloat16)


def short_text(item: Any, attribute: str, longest: int = 500) -> str | None:
    """An attribute that is one short text; None for anything else."""
    import h5py

    if attribute not in item.attrs:
        return None
    stored = item.attrs.get_id(attribute)
    # A list of texts could name one long text many times.
    if stored.shape != () or h5py.check_string_dtype(stored.dtype) is None:
        return None
    text = item.attrs[attribute]
    return text if isinstance(text, str) and len(text) <= longest else None


def shown(name: Any) -> str:
    """A name of the file, safe to print."""
    return ascii(str(name)[-LONGEST_SHOWN:])[1:-1]
