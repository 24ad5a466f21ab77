"""Small models and pictures for the tests of serving."""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from parnet_zoo.serving.version import LoggedVersion, log_version

COLOURS = ("red", "green", "blue")


def colour_model(
    folder: Path, *, labels: Sequence[str] = COLOURS, size: int = 8, **settings: Any
) -> Path:
    """A classifier whose logits are the means of the normalised red, green and blue channels."""
    from onnx import TensorProto, checker, helper, save

    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["pictures"], ["logits"], axes=[1, 2], keepdims=0)],
        "colours",
        [helper.make_tensor_value_info("pictures", TensorProto.FLOAT, ["n", size, size, 3])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 3])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    checker.check_model(model)
    folder.mkdir(parents=True, exist_ok=True)
    save(model, str(folder / "model.onnx"))
    content = {
        "format_version": 1,
        "labels": list(labels),
        "resolution": size,
        "resize": "stretch",
        "mean": [0.5, 0.5, 0.5],
        "std": [0.25, 0.25, 0.25],
        **settings,
    }
    (folder / "classifier.json").write_text(json.dumps(content), "utf-8")
    return folder


def expected_probabilities(colour: Sequence[int]) -> NDArray[np.float64]:
    """What a `colour_model` must say about a picture of one colour, from its definition."""
    powers = np.exp((np.array(colour) / 255 - 0.5) / 0.25)
    return np.asarray(powers / powers.sum())


def encoded(
    colour: str | tuple[int, ...] = "red",
    *,
    file_format: str = "PNG",
    mode: str = "RGB",
    size: tuple[int, int] = (12, 9),
    **options: Any,
) -> bytes:
    """A picture of one colour as a file's bytes."""
    file = io.BytesIO()
    Image.new(mode, size, colour).save(file, file_format, **options)
    return file.getvalue()


def logged(folder: Path, store: Path, name: str) -> LoggedVersion:
    """Log and register a model in the MLflow store that MLFLOW_TRACKING_URI names."""
    import mlflow

    client = mlflow.MlflowClient()
    found = client.get_experiment_by_name("serving")
    experiment = (
        found.experiment_id
        if found
        else client.create_experiment("serving", (store / "artifacts").as_uri())
    )
    run = client.create_run(experiment)
    version = log_version(
        folder, run_id=run.info.run_id, name=name, example=encoded(), metadata={"spec": "colours"}
    )
    client.set_terminated(run.info.run_id)
    return version
