"""A packed classifier as a registered MLflow version that serves itself."""

import base64
import io
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

from PIL import Image

from parnet_zoo.errors import ParnetZooError, TrackingError
from parnet_zoo.serving import runtime
from parnet_zoo.serving.quiet import quiet
from parnet_zoo.serving.served_model import ServedModel

_CODE = "parnet_runtime.py"
_README = "README.md"
_EXAMPLE_TOLERANCE = 1e-5
# MLflow repeats a request whose answer was lost, and so makes a model or a version twice.
_RETRIES = "0"


@dataclass(frozen=True)
class LoggedVersion:
    """A registered version.

    Attributes:
        model_uri: `models:/NAME/VERSION`.
        name: Of the registered model.
        version: Its number.
    """

    model_uri: str
    name: str
    version: int


def log_version(
    folder: Path,
    *,
    run_id: str,
    name: str,
    example: bytes,
    metadata: dict[str, Any],
    step: int = 0,
    card: Callable[[str], str] | None = None,
) -> LoggedVersion:
    """Log a packed classifier as an MLflow model of a run, and register it.

    The version holds `model.onnx`, `classifier.json`, a copy of `runtime.py`, its own requirements,
    signature and input example. It needs nothing of this project, contains no pickle and no path of
    this machine. Before it is registered, it is loaded and must answer its own example.

    Calling it again for the same run and name goes on where a crash or a lost store broke it off:
    there is one logged model and one version.

    Args:
        folder: What `pack` wrote.
        run_id: The run that made the network. It may have ended.
        name: Of the registered model; made if it does not exist.
        example: An encoded picture. It is logged as a small PNG without the original's metadata.
        metadata: Goes into the version's MLmodel file; what JSON can hold.
        step: Training step of the weights: links the run's metrics at that step to the model.
        card: Gets the address of the logged model, and gives its model card in Markdown, which is
            kept as README.md among its files.

    Raises:
        TrackingError: The store does not take it.
        ParnetZooError: The version does not answer as the folder does.
    """
    model_uri = log_model(
        folder,
        run_id=run_id,
        name=name,
        example=example,
        metadata=metadata,
        step=step,
        card=card,
    )
    return register_model(model_uri, name)


def log_model(
    folder: Path,
    *,
    run_id: str,
    name: str,
    example: bytes,
    metadata: dict[str, Any],
    step: int = 0,
    card: Callable[[str], str] | None = None,
) -> str:
    """As `log_version`, but the model is not registered yet.

    Returns:
        `models:/ID`, which `register_model` takes.

    Raises:
        TrackingError: The store does not take it.
        ParnetZooError: The model does not answer as the folder does.
    """
    from mlflow import MlflowClient

    classifier = runtime.Classifier(folder)
    flavor = _Flavor(classifier, folder, _small_png(classifier, example), card)
    with (
        _as_tracking_errors(name),
        quiet(MLFLOW_UV_AUTO_DETECT="false", MLFLOW_HTTP_REQUEST_MAX_RETRIES=_RETRIES),
    ):
        served = ServedModel(MlflowClient(), run_id, name)
        return f"models:/{served.complete(flavor.save_model, metadata=metadata, step=step)}"


def register_model(model_uri: str, name: str) -> LoggedVersion:
    """Make a logged model a version of a registered one, once.

    Args:
        model_uri: `models:/ID`, from `log_model`.
        name: Of the registered model; made if it does not exist.

    Raises:
        TrackingError: The store does not take it.
    """
    from mlflow import MlflowClient

    with _as_tracking_errors(name), quiet(MLFLOW_HTTP_REQUEST_MAX_RETRIES=_RETRIES):
        number = _registered(MlflowClient(), model_uri, name)
    return LoggedVersion(f"models:/{name}/{number}", name, number)


def _registered(client: Any, source: str, name: str) -> int:
    """The version that is made of the model; registered unless a lost try has done it."""
    import mlflow

    versions = client.search_model_versions(f"name = '{name}'")
    made = [int(found.version) for found in versions if found.source == source]
    return min(made, default=0) or int(mlflow.register_model(source, name).version)


class _Flavor:
    """Writes the model's files: MLflow's pyfunc flavor, tidied."""

    def __init__(
        self,
        classifier: runtime.Classifier,
        folder: Path,
        picture: bytes,
        card: Callable[[str], str] | None,
    ) -> None:
        self._classifier = classifier
        self._folder = folder
        self._picture = picture
        self._card = card

    def save_model(self, path: str, mlflow_model: Any) -> None:
        """Write the model's files to `path`, and what MLflow wants to know into `mlflow_model`."""
        import mlflow.pyfunc

        with tempfile.TemporaryDirectory() as temporary:
            code = Path(temporary, _CODE)
            shutil.copyfile(runtime.__file__, code)
            files = Path(temporary, "model")
            files.mkdir()
            for file in ("model.onnx", "classifier.json"):
                shutil.copyfile(self._folder / file, files / file)
            mlflow.pyfunc.save_model(
                path,
                mlflow_model=mlflow_model,
                python_model=str(code),
                artifacts={"model": str(files)},
                signature=_signature(),
                input_example=(self._example(), {"top_k": 5}),
                pip_requirements=_requirements(),
                metadata=mlflow_model.metadata,
            )
        _forget_this_machine(mlflow_model, path)
        if self._card is not None:
            card = self._card(f"models:/{mlflow_model.model_id}")
            Path(path, _README).write_text(card, encoding="utf-8")
        self._check_example(path)

    def _example(self) -> Any:
        import pandas as pd

        return pd.DataFrame({"image": [base64.b64encode(self._picture).decode("ascii")]})

    def _check_example(self, path: str) -> None:
        import mlflow.pyfunc

        served = mlflow.pyfunc.load_model(path).predict(self._example())[0]
        answer = self._classifier.predict(self._picture)[0]
        if abs(served["probability"] - answer["probability"]) > _EXAMPLE_TOLERANCE:
            raise ParnetZooError(
                f"the logged version gives {served['label']} {served['probability']:.6f} for its "
                f"example, the packed one {answer['label']} {answer['probability']:.6f}"
            )


def _forget_this_machine(model: Any, path: str) -> None:
    """Take out of MLmodel where the files lay when it was written; MLflow loads without that."""
    model.artifact_path = None
    model.flavors["python_function"]["model_code_path"] = _CODE
    for artifact in model.flavors["python_function"]["artifacts"].values():
        artifact["uri"] = artifact["path"]
    model.save(str(Path(path, "MLmodel")))


def _signature() -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema
    from mlflow.types.schema import Array, DataType, Object, Property

    score = Object(
        [Property("label", DataType.string), Property("probability", DataType.double)],
    )
    return ModelSignature(
        # Optional, because for a missing column that is required MLflow answers with the whole
        # request; an optional one reaches runtime.py, which refuses it in a sentence.
        inputs=Schema([ColSpec(DataType.string, "image", required=False)]),
        outputs=Schema(
            [
                ColSpec(DataType.string, "label"),
                ColSpec(DataType.double, "probability"),
                ColSpec(Array(score), "top_k"),
            ]
        ),
        params=ParamSchema([ParamSpec("top_k", DataType.long, 5)]),
    )


def _requirements() -> list[str]:
    import onnxruntime

    # ONNX Runtime is installed under several names (-gpu, -openvino); this one runs everywhere.
    return [
        *(f"{package}=={installed_version(package)}" for package in ("mlflow", "numpy", "pillow")),
        f"onnxruntime=={onnxruntime.__version__}",
    ]


def _small_png(classifier: runtime.Classifier, picture: bytes) -> bytes:
    """The picture as the network sees it: small, and without a photograph's place and time."""
    file = io.BytesIO()
    Image.fromarray(classifier.decode(picture)).save(file, "PNG", optimize=True)
    return file.getvalue()


@contextmanager
def _as_tracking_errors(name: str) -> Iterator[None]:
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (MlflowException, OSError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise TrackingError(f"{name} could not be logged and registered: {reason}") from error
