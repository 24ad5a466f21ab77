"""`compare`: runs and versions side by side."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from parnet_zoo.errors import DataError, TrackingError, UsageError
from parnet_zoo.evaluation.figures.accuracy_latency import NetworkPoint, accuracy_against_latency
from parnet_zoo.evaluation.figures.canvas import new_figure
from parnet_zoo.evaluation.figures.label_places import place_labels
from parnet_zoo.evaluation.pareto import pareto_front
from parnet_zoo.serving.graph_cost import graph_cost
from parnet_zoo.serving.pack import pack
from parnet_zoo.serving.runtime import RuntimeModelError
from parnet_zoo.training.compare import compare
from parnet_zoo.training.comparing.comparison import Comparison
from parnet_zoo.training.comparing.differing_params import differing_params
from tests.conftest import Done, parnet_zoo_command
from tests.serving_helpers import colour_model, encoded, logged

COLOURS = ("red", "green", "blue")


def quickly(*models: Path | str, **options: Any) -> Comparison:
    return compare(models, seconds=0.02, quiet=True, **options)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for number, name in enumerate((*COLOURS, "red")):
        (tmp_path / "data" / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name / f"{number}.png").write_bytes(encoded(name))
    return tmp_path / "data"


class TestParetoFront:
    def test_an_example(self) -> None:
        assert pareto_front([(3, 0.9), (1, 0.7), (2, 0.6), (4, 0.9), (5, 0.95)]) == [1, 0, 4]
        assert pareto_front([]) == []

    @given(st.lists(st.tuples(st.floats(0, 9), st.floats(0, 1)), max_size=12))
    def test_no_offer_beats_one_on_it_and_one_on_it_equals_or_beats_any_other(
        self, offers: list[tuple[float, float]]
    ) -> None:
        front = pareto_front(offers)

        def as_good(one: tuple[float, float], other: tuple[float, float]) -> bool:
            return one[0] <= other[0] and one[1] >= other[1]

        for place in front:
            rivals = [o for o in offers if as_good(o, offers[place]) and o != offers[place]]
            assert not rivals
        assert all(any(as_good(offers[f], offer) for f in front) for offer in offers)


def test_params_that_differ_are_listed_and_those_that_follow_from_others_are_not() -> None:
    runs = [
        {"epochs": "1", "seed": "0", "cost.parameters": "1"},
        {},
        {"epochs": "2", "seed": "0", "cost.parameters": "2", "data.limit": "9"},
    ]
    assert differing_params(runs) == {
        "data.limit": (None, None, "9"),
        "epochs": ("1", None, "2"),
    }


class TestGraphCost:
    def graph(self, folder: Path, nodes: list[Any], weights: dict[str, Any], size: int = 8) -> Path:
        from onnx import TensorProto, helper, numpy_helper, save

        shape = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, size, size])
        out = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", None])
        tensors = [numpy_helper.from_array(value, name) for name, value in weights.items()]
        model = helper.make_model(
            helper.make_graph(nodes, "g", [shape], [out], tensors),
            opset_imports=[helper.make_opsetid("", 17)],
        )
        folder.mkdir(exist_ok=True)
        save(model, str(folder / "model.onnx"))
        return folder

    def test_is_counted_by_hand(self, tmp_path: Path) -> None:
        from onnx import helper

        nodes = [
            helper.make_node("Conv", ["x", "w", "b"], ["c"], strides=[2, 2], pads=[1, 1, 1, 1]),
            helper.make_node("Conv", ["c", "d"], ["e"], group=16, pads=[1, 1, 1, 1]),
            helper.make_node("Clip", ["e", "zero", "six"], ["r"]),
            helper.make_node("GlobalAveragePool", ["r"], ["p"]),
            helper.make_node("Reshape", ["p", "shape"], ["f"]),
            helper.make_node("MatMul", ["f", "m"], ["h"]),
            helper.make_node("Gemm", ["h", "g", "o"], ["y"], transB=1),
        ]
        floats = np.float32
        weights = {
            "w": np.zeros((16, 3, 5, 5), floats),
            "b": np.zeros(16, floats),
            "d": np.zeros((16, 1, 3, 3), floats),
            "zero": np.array(0, floats),
            "six": np.array(6, floats),
            "shape": np.array([0, 16], np.int64),
            "m": np.zeros((16, 100), floats),
            "g": np.zeros((1, 100), floats),
            "o": np.zeros(1, floats),
        }
        cost = graph_cost(self.graph(tmp_path, nodes, weights, size=9))
        # The first convolution gives (9 + 2 - 5) // 2 + 1 = 4 by 4 pixels.
        assert cost.multiply_adds == 16 * 16 * 75 + 16 * 16 * 9 + 16 * 100 + 100
        assert cost.parameters == 16 * 75 + 16 + 16 * 9 + 16 * 100 + 100 + 1
        assert cost.metrics() == {
            "parameters": cost.parameters, "multiply_adds": cost.multiply_adds,
        }  # fmt: skip

    def test_of_what_is_no_graph_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "model.onnx").write_bytes(b"rubbish" * 9)
        with pytest.raises(RuntimeModelError, match="not usable"):
            graph_cost(tmp_path)
        with pytest.raises(RuntimeModelError, match="not usable"):
            graph_cost(tmp_path / "missing")

    def test_of_a_shape_that_cannot_be_told_is_refused_and_not_counted_as_nothing(
        self, tmp_path: Path
    ) -> None:
        from onnx import helper

        nodes = [
            helper.make_node("Mystery", ["x"], ["m"], domain="elsewhere"),
            helper.make_node("Conv", ["m", "w"], ["y"]),
        ]
        broken = self.graph(tmp_path, nodes, {"w": np.zeros((2, 3, 1, 1), np.float32)})
        with pytest.raises(RuntimeModelError, match="cannot be counted"):
            graph_cost(broken)


class TestModelsInFolders:
    @pytest.fixture
    def small(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.chdir(tmp_path)
        return colour_model(tmp_path / "small", size=8)

    @pytest.fixture
    def large(self, tmp_path: Path) -> Path:
        return colour_model(tmp_path / "large", size=128, labels=("blue", "green", "red"))

    def test_are_timed_and_counted(self, small: Path, large: Path) -> None:
        found = quickly(small, large)
        assert [row.name for row in found.models] == ["small", "large"]
        assert [row.resolution for row in found.models] == [8, 128]
        for row in found.models:
            assert row.latency_ms is not None
            assert row.latency_ms > 0
            assert row.images_per_second is not None
            assert row.model_bytes == (Path(row.address) / "model.onnx").stat().st_size
            assert (row.parameters, row.multiply_adds, row.form) == (0, 0, "served")
            assert row.test_accuracy is row.accuracy is None
        assert found.threads is not None
        assert found.params == {}

    def test_are_asked_about_the_same_images_each_by_its_own_classes(
        self, small: Path, large: Path, data: Path
    ) -> None:
        found = quickly(small, large, data=data)
        # "large" calls red what is blue.
        assert [row.accuracy for row in found.models] == [1.0, 0.25]
        assert found.data is not None
        assert (found.data.images, found.data.split) == (4, "all")
        assert found.by == "accuracy"
        assert [row.best for row in found.models] == [True, False]

    def test_one_that_does_not_know_a_class_is_named(
        self, small: Path, tmp_path: Path, data: Path
    ) -> None:
        other = colour_model(tmp_path / "other", labels=("red", "green", "blu"))
        with pytest.raises(DataError, match=r"other: the model does not know .*did you mean blu\?"):
            quickly(small, other, data=data)

    @pytest.mark.slow
    def test_are_drawn(self, small: Path, large: Path, data: Path, tmp_path: Path) -> None:
        quickly(small, large, data=data, plot=tmp_path / "plot.png")
        with Image.open(tmp_path / "plot.png") as plot:
            assert plot.width > 500
        with pytest.raises(UsageError, match=r"--plot: no model has both"):
            quickly(small, large, plot=tmp_path / "plot.png")

    def test_nothing_to_compare_is_an_error(self, small: Path) -> None:
        with pytest.raises(UsageError, match="nothing to compare"):
            quickly()
        with pytest.raises(UsageError, match="more than 0 seconds"):
            compare([small], seconds=0)


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 3, 12])
def test_labels_cover_neither_each_other_nor_a_point(count: int) -> None:
    rng = np.random.default_rng(count)
    figure = new_figure(8.6, 5.6)
    axes = figure.add_subplot()
    axes.set(xlim=(0, 1), ylim=(0, 1))
    points = [(float(x), float(y)) for x, y in rng.uniform(0.2, 0.8, (count, 2))]
    place_labels(axes, [f"network_{n}/1 (parnet_s)" for n in range(count)], points)
    boxes = [text.get_window_extent() for text in axes.texts]
    assert len(boxes) == count
    assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]
    for box in boxes:
        assert not any(box.contains(*axes.transData.transform(point)) for point in points)
        assert box.x0 >= axes.bbox.x0
        assert box.x1 <= axes.bbox.x1


@pytest.mark.slow
def test_the_plot_takes_any_number_of_networks_but_none(tmp_path: Path) -> None:
    for number, times in enumerate(([5.0], [5.0, 5.0], [1.0, 100.0, 3.0])):
        points = [NetworkPoint(f"$n_{i}$", time, 0.5 + i / 10) for i, time in enumerate(times)]
        path = tmp_path / f"{number}.png"
        accuracy_against_latency(points, path, measured="test accuracy", title="title")
        assert path.stat().st_size > 5000
    with pytest.raises(ValueError, match="no network"):
        accuracy_against_latency([], tmp_path / "no.png", measured="", title="")


@pytest.mark.slow
def test_a_run_without_a_model_shows_what_it_has(own_store: Path, tmp_path: Path) -> None:
    import mlflow

    version = logged(colour_model(tmp_path / "model"), tmp_path, "colours")
    client = mlflow.MlflowClient()
    run = client.create_run(client.create_experiment("other"), run_name="broken-off")
    for name, value in {
        "spec.name": "parnet_s", "cost.parameters": "7", "cost.multiply_adds": "70", "epochs": "3",
    }.items():  # fmt: skip
        client.log_param(run.info.run_id, name, value)
    client.log_metric(run.info.run_id, "val_accuracy", 0.75, step=1)
    client.log_metric(run.info.run_id, "latency_ms", 5.0, step=1)
    found = quickly(run.info.run_id, version.model_uri)
    broken_off, whole = found.models
    assert (broken_off.name, broken_off.backbone) == ("broken-off", "parnet_s")
    assert broken_off.val_accuracy == 0.75
    assert (broken_off.parameters, broken_off.form) == (7, "training")
    assert broken_off.model_uri is None
    assert broken_off.latency_ms is None, "measured now, or not at all"
    assert whole.latency_ms is not None
    assert found.params == {}, "a run without params makes no difference"


@pytest.mark.slow
def test_what_the_store_does_not_have_is_said(own_store: Path) -> None:
    with pytest.raises(TrackingError, match=r"there is no models:/nothing/1"):
        quickly("models:/nothing/1")


@pytest.mark.slow
def test_the_three_families_are_counted_and_timed_alike(tmp_path: Path) -> None:
    """A narrow parnet_s and parnet_blog_s as served, and resnet50, from their packed graphs."""
    from parnet_zoo import registry
    from parnet_zoo.networks.deploy_form import to_deploy_form

    specs = {
        "parnet_s": registry.get("parnet_s").scaled(width=0.125, resolution=64),
        "parnet_blog_s": registry.get("parnet_blog_s").scaled(width=0.125, resolution=64),
        "resnet50": registry.get("resnet50").scaled(resolution=64),
    }
    for name, spec in specs.items():
        model = spec.build(num_classes=3)
        pack(
            model if name == "resnet50" else to_deploy_form(model), tmp_path / name,
            labels=COLOURS, resolution=64, resize="stretch", mean=(0, 0, 0), std=(1, 1, 1),
        )  # fmt: skip
        for colour in COLOURS:
            (tmp_path / "data" / colour).mkdir(parents=True, exist_ok=True)
            (tmp_path / "data" / colour / f"{name}.png").write_bytes(encoded(colour))
    found = quickly(*(tmp_path / name for name in specs), data=tmp_path / "data")
    for row in found.models:
        assert row.accuracy is not None
        assert row.latency_ms is not None
    for row, name in zip(found.models[:2], ("parnet_s", "parnet_blog_s"), strict=True):
        cost = specs[name].cost(num_classes=3, form="deploy")
        assert (row.parameters, row.multiply_adds) == (cost.parameters, cost.multiply_adds)
    baseline = found.models[2]
    # 23.51 million and a head of 3 classes, less what folding the batch normalisations saves.
    assert baseline.parameters == pytest.approx(23.5e6, rel=0.01)
    # 4.09 G at 224 px (He et al. 2015 count 3.8 G without strides in the 3x3), by the area.
    assert baseline.multiply_adds == pytest.approx(3.87e9 * (64 / 224) ** 2, rel=0.05)


@pytest.mark.slow
class TestTheQuickstartsVersion:
    def test_is_compared_from_the_command_line(self, quickstart: Done, tmp_path: Path) -> None:
        run_id, metrics = quickstart.json["run_id"], quickstart.json["metrics"]
        png = tmp_path / "plot.png"
        done = parnet_zoo_command(
            quickstart.folder, "compare", run_id, "models:/digits@champion", "--json",
            "--data", "datasets/digits", "--plot", str(png), "--seconds", "0.2",
        )  # fmt: skip
        assert done.code == 0, done.stderr
        one, other = done.json["models"]
        assert one["name"] == other["name"] == "digits/1"
        assert one["test_accuracy"] == one["accuracy"] == metrics["test_accuracy"]
        assert one["parameters"] == metrics["parameters"]
        assert one["multiply_adds"] == metrics["multiply_adds"]
        assert one["training_cpu_seconds"] == metrics["cpu_seconds"]
        assert done.json["params"] == {}
        assert png.read_bytes().startswith(b"\x89PNG")

    def test_is_printed_as_a_table(self, quickstart: Done) -> None:
        done = parnet_zoo_command(
            quickstart.folder, "compare", "models:/digits/1", "--params", "--seconds", "0.1"
        )
        assert done.code == 0, done.stderr
        assert "digits/1" in done.stdout
        assert f"{quickstart.json['metrics']['test_accuracy']:.4f}" in done.stdout
        assert "multiply-adds" in done.stdout
