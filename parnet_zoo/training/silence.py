"""Import TensorFlow and Keras without the lines they print at start-up."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


def import_quietly() -> None:
    """Import TensorFlow and Keras; their start-up lines are shown only if that fails.

    TensorFlow's C++ code writes to file descriptor 2 before any logging level applies, so the
    descriptor itself is turned away for as long as the import takes.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if "tensorflow" in sys.modules:
        return
    with _stderr_set_aside():
        import keras  # noqa: F401  # imported for its noise, here where it is turned away
        import tensorflow as tf

        # the first look at the devices prints about missing CUDA libraries
        tf.config.list_physical_devices()


@contextmanager
def _stderr_set_aside() -> Iterator[None]:
    sys.stderr.flush()
    try:
        saved = os.dup(2)
    except OSError:  # no standard error at all, as in some services
        yield
        return
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            yield
        except Exception:  # not an interrupt: whoever ends the program does not ask for the lines
            os.dup2(saved, 2)
            aside.seek(0)
            os.write(2, aside.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)
