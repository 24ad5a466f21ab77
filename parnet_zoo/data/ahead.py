"""A tf.data dataset of batches that Python makes, several at once and ahead of their use."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.data.cores import worker_count

if TYPE_CHECKING:
    import tensorflow as tf

MEMORY_LIMIT = 1_000_000_000
"""Bytes that batches which are being made, or wait for their use, take about at most."""
PREFETCHED = 2
"""Batches that wait for their use."""
_LEAST_AT_ONCE = 2

Pair = tuple[NDArray[np.float32], NDArray[Any]]


def made_ahead(
    make: Callable[[int], Pair], steps: range, signature: tuple[Any, Any], *, batch_bytes: int
) -> tf.data.Dataset:
    """The batches of some steps in order, made in parallel.

    `make` runs TensorFlow itself, eagerly: a program that is compiled there is compiled once in a
    process, but anew for every dataset where it is part of the dataset's graph.

    Args:
        make: Gives the batch of a step; it runs in several threads.
        steps: Which steps.
        signature: Two `tf.TensorSpec`, pixels first.
        batch_bytes: Memory that one batch takes while it is made.
    """
    import tensorflow as tf

    types = tuple(spec.dtype for spec in signature)

    @tf.autograph.experimental.do_not_convert
    def pair(step: Any) -> tuple[Any, ...]:
        # Stateless: in TensorFlow's deterministic mode it would otherwise not run in parallel.
        tensors = tf.numpy_function(lambda step: make(int(step)), [step], types, stateful=False)
        return tuple(
            tf.ensure_shape(tensor, spec.shape)
            for tensor, spec in zip(tensors, signature, strict=True)
        )

    options = tf.data.Options()
    options.deterministic = True
    at_once = max(MEMORY_LIMIT // batch_bytes - PREFETCHED, _LEAST_AT_ONCE)
    numbers = tf.data.Dataset.range(steps.start, steps.stop)
    batches = numbers.map(pair, num_parallel_calls=min(at_once, worker_count()))
    return batches.prefetch(PREFETCHED).with_options(options)
