"""Keras' warning about a dataset that ends, where ending is what it should do."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def end_of_data_expected() -> Iterator[None]:
    """Drop one warning of Keras inside the `with`: "Your input ran out of data".

    Keras gives it whenever a dataset ends that did not say its length before. `evaluation_batches`
    of a store without a cache cannot say it: every image counts once, so a batch whose files have
    all vanished since the start has to be left out, and which ones vanish is known only then. Other
    warnings are shown as ever.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Your input ran out of data", UserWarning)
        yield
