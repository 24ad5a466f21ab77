"""The trained form of a version against the form that is served, measured anew."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.data.folder import Split
from parnet_zoo.recipe import Recipe
from parnet_zoo.serving.runtime import Classifier
from parnet_zoo.tracking.weights_file import weights_file
from parnet_zoo.training.images import normalisation
from parnet_zoo.training.promoting.score import decoded
from parnet_zoo.training.silence import import_quietly

_BATCHES = 16


def deploy_difference(uri: str, recipe: Recipe, classifier: Classifier, split: Split) -> float:
    """The largest difference of a probability on at most 512 images.

    The trained form is built from the recipe and the weights that the version's run left; the
    served form is the version itself.

    Args:
        uri: `models:/NAME/VERSION`.
        recipe: Of its run.
        classifier: The version, loaded.
        split: Real images.

    Raises:
        ParnetZooError: The weights are not there any more, or of another network.
    """
    import_quietly()
    with TemporaryDirectory(prefix="parnet-zoo-") as folder:
        model = _trained(recipe, classifier, weights_file(uri, Path(folder)))
    mean, std = (np.asarray(values, np.float32) for values in normalisation(recipe))
    largest = 0.0
    for pixels, _ in islice(decoded(classifier, split), _BATCHES):
        normalised = (pixels.astype(np.float32) / 255 - mean) / std
        trained = _softmax(np.asarray(model(normalised, training=False), np.float64))
        difference = np.abs(trained - classifier.probabilities(pixels))
        largest = float(np.maximum(largest, difference.max()))  # not a number stays none
    return largest


def _trained(recipe: Recipe, classifier: Classifier, weights: Path) -> Any:
    from parnet_zoo.networks.dtype_policy import dtype_policy
    from parnet_zoo.networks.weights import load_weights

    with dtype_policy("float32"):
        model = recipe.spec().build(num_classes=len(classifier.labels))
    load_weights(model, weights)
    return model


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(axis=-1, keepdims=True)
    return shares
