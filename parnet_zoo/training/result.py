"""What a training run leaves behind."""

from pydantic import BaseModel, ConfigDict


class TrainResult(BaseModel):
    """Where to find a finished run and what it reached.

    Attributes:
        run_id: MLflow run; a local id while MLflow does not know the run.
        experiment: Name of its experiment.
        tracking_uri: The store that holds both.
        model_uri: `models:/NAME/VERSION`; of an offline run, the folder of the packed network.
        model_name: Registered model.
        model_version: Its new version; None until `sync` registers that of an offline run.
        alias: Alias that the version got, "champion" or "candidate"; None likewise.
        labels: Class names in the order of the logits.
        example: An image that the network was not trained on; None where it lies in an archive.
        metrics: Last value of every metric, as MLflow shows them; the network that is registered is
            that of `best_epoch`, with `best_val_accuracy` and `best_val_loss`.
        seconds: Wall-clock seconds of the whole run.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    run_id: str
    experiment: str
    tracking_uri: str
    model_uri: str
    model_name: str
    model_version: int | None
    alias: str | None
    labels: tuple[str, ...]
    example: str | None
    metrics: dict[str, float]
    seconds: float
