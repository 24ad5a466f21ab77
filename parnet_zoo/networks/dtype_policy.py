"""Building layers under a Keras dtype policy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def dtype_policy(policy: Any) -> Iterator[Any]:
    """Build layers under a policy, and leave Keras' own setting as it was.

    Args:
        policy: A name such as "mixed_bfloat16", a `keras.DTypePolicy`, its configuration, or None
            for the policy in force.

    Yields:
        The `keras.DTypePolicy`.
    """
    import keras

    before = keras.config.dtype_policy()
    found = keras.dtype_policies.get(policy)
    keras.config.set_dtype_policy(found)
    try:
        yield found
    finally:
        keras.config.set_dtype_policy(before)
