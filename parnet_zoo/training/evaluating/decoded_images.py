"""A split's pictures as the served network sees them, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.data.cores import worker_count
from parnet_zoo.data.image_file import ImageFile, encoded
from parnet_zoo.data.store import Unreadable
from parnet_zoo.evaluation.ten_crop import larger_size
from parnet_zoo.serving.runtime import Classifier, ImageDecodeError, decode_image
from parnet_zoo.training.evaluating.chosen_images import ChosenImages

BATCH = 16


@dataclass(frozen=True, eq=False)
class Decoded:
    """Some pictures.

    Attributes:
        truth: (n,) labels.
        pixels: (n, size, size, 3), as the served network takes them.
        larger: (n, larger, larger, 3) for `ten_crops`; None if that was not asked for.
        unreadable: Files that are left out.
    """

    truth: NDArray[np.int64]
    pixels: NDArray[np.uint8]
    larger: NDArray[np.uint8] | None
    unreadable: tuple[Unreadable, ...]


class DecodedImages:
    """Decodes in threads, one batch ahead, with the network's own decoder and resizing.

    Args:
        classifier: The network.
        images: What to decode.
        with_larger: Whether the larger pictures of ten crops are wanted, too.
    """

    def __init__(self, classifier: Classifier, images: ChosenImages, *, with_larger: bool) -> None:
        self._classifier = classifier
        self._split = images.split
        self._with_larger = with_larger

    def __iter__(self) -> Iterator[Decoded]:
        """Each image once, in the split's order."""
        starts = range(0, len(self._split), BATCH)
        with ThreadPoolExecutor(worker_count(), thread_name_prefix="decode") as pool:
            waiting = None
            for start in starts:
                paths = self._split.paths[start : start + BATCH]
                ahead = (start, [pool.submit(self._decode, path) for path in paths])
                if waiting is not None:
                    yield self._batch(waiting[0], [done.result() for done in waiting[1]])
                waiting = ahead
            if waiting is not None:
                yield self._batch(waiting[0], [done.result() for done in waiting[1]])

    def _decode(self, image: ImageFile) -> list[NDArray[np.uint8]] | Unreadable:
        classifier = self._classifier
        try:
            source = encoded(image)
            pictures = [classifier.decode(source)]
            if self._with_larger:
                larger = larger_size(classifier.size)
                pictures.append(decode_image(source, larger, classifier.resize))
        except ImageDecodeError as error:
            return Unreadable(image, str(error))
        except OSError as error:  # of an archive
            return Unreadable(image, f"it cannot be read: {error.strerror}")
        return pictures

    def _batch(self, start: int, results: list[list[NDArray[np.uint8]] | Unreadable]) -> Decoded:
        unreadable = tuple(item for item in results if isinstance(item, Unreadable))
        pictures = [item for item in results if not isinstance(item, Unreadable)]
        kept = [not isinstance(item, Unreadable) for item in results]
        size = self._classifier.size
        empty = np.zeros((0, size, size, 3), np.uint8)
        return Decoded(
            truth=self._split.labels[start : start + len(results)][kept],
            pixels=np.stack([item[0] for item in pictures]) if pictures else empty,
            larger=np.stack([item[1] for item in pictures])
            if pictures and self._with_larger
            else None,
            unreadable=unreadable,
        )
