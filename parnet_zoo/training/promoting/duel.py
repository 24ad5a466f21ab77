"""A version against the champion, on the same images."""

from __future__ import annotations

from collections.abc import Callable

from parnet_zoo.data.folder import Split
from parnet_zoo.serving.runtime import Classifier
from parnet_zoo.tracking.promotion import Verdict
from parnet_zoo.training.promoting.score import score


def _silent(_done: int, _note: str) -> None:
    pass


def duel(
    accuracy: float,
    champion: Classifier,
    uri: str,
    images: Split,
    done: Callable[[int, str], None] = _silent,
) -> Verdict:
    """Measure the champion, and say who is better. Equal is not better.

    Args:
        accuracy: What the new version has just reached on these images.
        champion: The champion, which knows the same classes.
        uri: Its address.
        images: The images.
        done: Told of progress.

    Raises:
        DataError: The images are gone.
    """
    result = score(champion, images, done)
    wins = accuracy > result.accuracy
    word = "better than" if wins else "not better than"
    reason = (
        f"accuracy {accuracy:.4f} is {word} {result.accuracy:.4f} of the champion {uri},"
        f" on {result.images} images"
    )
    details = {
        "champion": uri,
        "champion_accuracy": result.accuracy,
        "images": result.images,
        "accuracy": accuracy,
    }
    return Verdict(wins, reason, details)
