"""From a version's URI, or a folder, to a classifier that answers."""

from pathlib import Path

from parnet_zoo.errors import UsageError
from parnet_zoo.serving.packed_folder import packed_folder
from parnet_zoo.serving.runtime import Classifier, RuntimeModelError


def load(uri_or_folder: str | Path, engine: str = "auto") -> Classifier:
    """Load a trained classifier.

    Args:
        uri_or_folder: `models:/NAME/VERSION`, `models:/NAME@ALIAS`, `models:/m-ID`, `runs:/...` or
            any other address that MLflow knows; or a local folder, of an MLflow model or as `pack`
            writes it.
        engine: See `Classifier`.

    Raises:
        TrackingError: The MLflow store does not answer or does not have it.
        UsageError: There is no such folder, or it holds no classifier of this project.
    """
    # The network is in memory once it is loaded, so the files may go.
    with packed_folder(uri_or_folder) as folder:
        try:
            return Classifier(folder, engine)
        except RuntimeModelError as error:
            raise UsageError(str(error)) from error
