"""Checkpoints, datasets and the machine's load, as MLflow finds them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from parnet_zoo.data.folder import scan
from parnet_zoo.errors import TrackingError
from parnet_zoo.tracking import system_metrics
from parnet_zoo.tracking.checkpoint_models import CheckpointModels
from parnet_zoo.tracking.dataset import TrackedDataset, dataset_input
from parnet_zoo.tracking.journal import Journal
from parnet_zoo.tracking.run import TrackedRun
from parnet_zoo.tracking.store import open_client
from parnet_zoo.tracking.system_metrics import SystemMetrics
from parnet_zoo.tracking.weights_file import weights_file
from parnet_zoo.training.manifest import manifest
from tests.test_cli import write_pictures

DATASETS = [
    TrackedDataset("pets/train", "a" * 32, "training", "file:///pets", 8, {"cat": 4, "dog": 4}),
    TrackedDataset("pets/validation", "b" * 32, "validation", "file:///pets", 2, {"cat": 2}),
]


def start(folder: str = "run") -> TrackedRun:
    return TrackedRun.start(
        experiment="pets", name="first", directory=Path(folder), params={"epochs": 9}, tags={}
    )


def weights(epoch: int) -> Path:
    path = Path(f"e{epoch}.weights.h5")
    path.write_bytes(b"weights of epoch %d" % epoch)
    return path


def models(run: TrackedRun, order_by: str = "metrics.val_accuracy", wanted: str = "") -> list[Any]:
    found: list[Any] = open_client().search_logged_models(
        [run.experiment_id],
        wanted or f"source_run_id = '{run.run_id}'",
        order_by=[{"field_name": order_by, "ascending": True}],
    )
    return found


def epochs(run: TrackedRun, accuracies: list[float], keep: int | None = None) -> None:
    for epoch, accuracy in enumerate(accuracies, start=1):
        run.log_metrics({"loss": 1.0, "val_accuracy": accuracy}, step=epoch)
        run.log_checkpoint(weights(epoch), kind="epoch", step=epoch, keep=keep)


@pytest.mark.usefixtures("own_store")
class TestCheckpoints:
    def test_each_is_a_model_of_the_run_with_the_metrics_of_its_epoch(self) -> None:
        with start() as run:
            run.log_dataset(DATASETS[0])
            run.log_dataset(DATASETS[1])
            epochs(run, [0.5, 0.7])
        first, second = models(run)
        assert (first.name, second.name) == ("epoch-0001", "epoch-0002")
        assert str(second.status) == "READY"
        assert second.model_type == "checkpoint"
        assert second.params["epochs"] == "9"
        assert {(m.key, m.value, m.step, m.dataset_name) for m in second.metrics} == {
            ("loss", 1.0, 2, "pets/train"),
            ("val_accuracy", 0.7, 2, "pets/validation"),
        }
        outputs = open_client().get_run(run.run_id).outputs.model_outputs
        assert {(o.model_id, o.step) for o in outputs} == {
            (first.model_id, 1),
            (second.model_id, 2),
        }

    def test_the_metrics_are_in_the_run_once(self) -> None:
        with start() as run:
            epochs(run, [0.5, 0.7])
        history = open_client().get_metric_history(run.run_id, "val_accuracy")
        assert [(m.step, m.value) for m in history] == [(1, 0.5), (2, 0.7)]

    def test_the_best_is_found_by_a_search(self) -> None:
        with start() as run:
            epochs(run, [0.5, 0.9, 0.7])
        found = models(run, wanted="metrics.val_accuracy > 0.6")
        assert [m.name for m in found] == ["epoch-0003", "epoch-0002"]

    def test_old_ones_go_with_their_files(self) -> None:
        with start() as run:
            epochs(run, [0.1, 0.2, 0.3, 0.4], keep=2)
        assert [m.name for m in models(run)] == ["epoch-0003", "epoch-0004"]
        kept = sorted(path.name for path in Path("mlruns").rglob("*.weights.h5"))
        assert kept == ["e3.weights.h5", "e4.weights.h5"]

    def test_kinds_do_not_replace_each_other(self) -> None:
        with start() as run:
            for epoch in (1, 2):
                run.log_metrics({"val_accuracy": epoch / 10}, step=epoch)
                run.log_checkpoint(weights(epoch), kind="epoch", step=epoch, keep=None)
                run.log_checkpoint(weights(epoch), kind="best", step=epoch, keep=1)
        names = sorted(m.name for m in models(run))
        assert names == ["best-0002", "epoch-0001", "epoch-0002"]

    def test_a_training_starts_from_one_by_its_id(self, tmp_path: Path) -> None:
        with start() as run:
            epochs(run, [0.5])
        [model] = models(run)
        path = weights_file(f"models:/{model.model_id}", tmp_path)
        assert path.read_bytes() == b"weights of epoch 1"
        with pytest.raises(TrackingError, match=r"models:/m-0{32}"):
            weights_file("models:/m-" + "0" * 32, tmp_path)

    def test_a_resumed_run_does_not_log_its_epoch_again(self) -> None:
        with suppress(KeyboardInterrupt), start() as run:
            epochs(run, [0.5])
            raise KeyboardInterrupt
        with TrackedRun.resume(Path("run")) as run:
            epochs(run, [0.6, 0.7])
        assert [(m.name, m.metrics[-1].value) for m in models(run)] == [
            ("epoch-0001", 0.5),
            ("epoch-0002", 0.7),
        ]

    def test_an_entry_that_is_sent_again_changes_nothing(self) -> None:
        with start() as run:
            epochs(run, [0.5])
        before = [(m.model_id, len(m.metrics)) for m in models(run)]
        Path("run/delivered.json").unlink()
        with TrackedRun.resume(Path("run")):
            pass
        assert [(m.model_id, len(m.metrics)) for m in models(run)] == before
        outputs = open_client().get_run(run.run_id).outputs.model_outputs
        assert [o.model_id for o in outputs] == [before[0][0]]

    def test_a_model_that_a_kill_left_unfinished_is_finished(self) -> None:
        with start() as run:
            run.log_metrics({"val_accuracy": 0.5}, step=1)
        client = open_client()
        client.create_logged_model(
            run.experiment_id,
            name="epoch-0001",
            source_run_id=run.run_id,
            tags={"parnet_zoo.checkpoint": "epoch", "parnet_zoo.step": "1"},
        )
        data = {"kind": "epoch", "step": 1, "keep": None, "metrics": [["val_accuracy", 0.5, 1]]}
        CheckpointModels(client, run.run_id).write(weights(1), data)
        [model] = models(run)
        assert str(model.status) == "READY"

    def test_a_journal_cannot_name_a_kind_of_its_own(self) -> None:
        with start() as run:
            pass
        data = {"kind": "x' OR name = 'y", "step": 1, "keep": None, "metrics": []}
        with pytest.raises(ValueError, match="unknown kind"):
            CheckpointModels(open_client(), run.run_id).write(weights(1), data)


@pytest.mark.usefixtures("own_store")
class TestDatasets:
    def test_a_run_has_its_images_by_name_digest_source_and_counts(self) -> None:
        with start() as run:
            run.log_dataset(DATASETS[0])
        [used] = open_client().get_run(run.run_id).inputs.dataset_inputs
        assert (used.dataset.name, used.dataset.digest) == ("pets/train", "a" * 32)
        assert used.dataset.source == '{"uri": "file:///pets"}'
        assert used.dataset.profile == '{"images": 8, "classes": {"cat": 4, "dog": 4}}'
        assert [(tag.key, tag.value) for tag in used.tags] == [("mlflow.data.context", "training")]

    def test_thousands_of_classes_are_counted_not_listed(self) -> None:
        many = {f"a class with a long name {number}": 1 for number in range(5000)}
        dataset = TrackedDataset("big/train", "c" * 32, "training", "file:///big", 5000, many)
        profile = dataset_input(dataset.to_journal()).dataset.profile
        assert profile == '{"images": 5000, "classes": 5000}'


def test_a_manifest_lists_every_image_and_is_data_itself(tmp_path: Path) -> None:
    counts = {"train/cat": 5, "train/dog": 5, "test/cat": 1, "test/dog": 1}
    write_pictures(tmp_path / "pets", counts)
    folder = scan(tmp_path / "pets", validation=0.2, seed=0)
    listed = manifest(folder)
    assert [(d.name, d.context, d.images) for d in listed.datasets] == [
        ("pets/train", "training", 8),
        ("pets/validation", "validation", 2),
        ("pets/test", "test", 2),
    ]
    path = tmp_path / "pets" / "manifest.csv"
    path.write_text(listed.text)
    again = scan(path, validation=0.2, seed=99)
    assert [list(s.paths) for s in (again.train, again.validation)] == [
        list(s.paths) for s in (folder.train, folder.validation)
    ]


def test_a_digest_changes_with_the_images_and_not_with_their_place(tmp_path: Path) -> None:
    def digests(root: str) -> list[str]:
        folder = scan(tmp_path / root, validation=0.2, seed=0)
        return [dataset.digest for dataset in manifest(folder).datasets]

    write_pictures(tmp_path / "pets", {"train/cat": 5, "train/dog": 5})
    before = digests("pets")
    (tmp_path / "pets").rename(tmp_path / "moved")
    assert digests("moved") == before
    write_pictures(tmp_path / "more", {"train/cat": 6, "train/dog": 5})
    assert digests("more")[0] != before[0]


@pytest.mark.usefixtures("own_store")
class TestTheMachine:
    @pytest.fixture
    def quickly(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[TrackedRun], None]:
        monkeypatch.setattr(system_metrics, "_FIRST_SECONDS", 0.02)

        def watch(run: TrackedRun) -> None:
            with SystemMetrics(run, 0.02):
                wanted = run.next_step("system/cpu_utilization_percentage") + 2
                while run.next_step("system/process_memory_megabytes") < max(wanted, 2):
                    pass

        return watch

    def test_its_load_is_logged_where_mlflow_looks_for_it(
        self, quickly: Callable[[TrackedRun], None]
    ) -> None:
        with start() as run:
            quickly(run)
        metrics = open_client().get_run(run.run_id).data.metrics
        assert 0 <= metrics["system/cpu_utilization_percentage"] <= 100
        assert 10 < metrics["system/process_memory_megabytes"] < 100_000
        assert metrics["system/disk_available_megabytes"] > 0

    def test_a_resumed_run_counts_on(self, quickly: Callable[[TrackedRun], None]) -> None:
        with suppress(KeyboardInterrupt), start() as run:
            quickly(run)
            raise KeyboardInterrupt
        with TrackedRun.resume(Path("run")) as run:
            quickly(run)
        name = "system/cpu_utilization_percentage"
        steps = [m.step for m in open_client().get_metric_history(run.run_id, name)]
        assert steps == list(range(steps[0], steps[0] + len(steps)))
        assert steps[0] > 100_000  # more than there can be epochs

    def test_a_checkpoint_does_not_take_it_for_its_own(self) -> None:
        with start() as run:
            run.log_metrics({"system/cpu_utilization_percentage": 5.0, "loss": 1.0}, step=1)
            run.log_checkpoint(weights(1), kind="epoch", step=1, keep=None)
        [model] = models(run)
        assert [m.key for m in model.metrics] == ["loss"]

    def test_a_full_disk_does_not_end_the_thread_in_a_traceback(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        refused = threading.Event()

        def refuse(*_: object) -> None:
            refused.set()
            raise TrackingError("the disk is full")

        monkeypatch.setattr(system_metrics, "_FIRST_SECONDS", 0.01)
        with start() as run, monkeypatch.context() as full:
            full.setattr(Journal, "append", refuse)
            with SystemMetrics(run, 0.01) as watching:
                assert refused.wait(20)
                refused.clear()
                assert refused.wait(20)  # it has tried again
                assert watching._thread.is_alive()
