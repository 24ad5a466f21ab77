"""What would not fit in memory is refused in one sentence, before anything is allocated."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

import registry
from parnet_zoo.machine_memory import MachineMemory, machine_memory
from parnet_zoo.networks.memory import refuse_what_does_not_fit
from parnet_zoo.recipe import RecipeError
from parnet_zoo.training.memory import may_have_gpu
from parnet_zoo.training.plan import Plan
from parnet_zoo.training.run import plan_training
from tests.conftest import Done
from tests.test_cli import RECIPE, write_pictures

Run = Callable[..., Done]

GB = 10**9
ENORMOUS: dict[str, Any] = {"channels": (8192,) * 3, "final_channels": 16384, "depth": (64,) * 3}


def memory_of(gigabytes: float) -> MachineMemory:
    size = int(gigabytes * GB)
    return MachineMemory(total=size, available=size, reachable=size)


@pytest.fixture
def small_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four gigabytes, wherever the tests run."""
    monkeypatch.setattr("parnet_zoo.networks.memory.machine_memory", lambda: memory_of(4))


# The machine and its container


def cgroup(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(content)


def version_2(limit: str, used: int, cached: int = 0) -> dict[str, str]:
    stat = f"anon 1\ninactive_file {cached // 2}\nactive_file {cached - cached // 2}\nshmem 5\n"
    return {"memory.max": f"{limit}\n", "memory.current": f"{used}\n", "memory.stat": stat}


def version_1(limit: int, used: int, cached: int = 0) -> dict[str, str]:
    return {
        "memory.limit_in_bytes": f"{limit}\n",
        "memory.usage_in_bytes": f"{used}\n",
        "memory.stat": f"cache 9\ntotal_inactive_file {cached}\ntotal_active_file 0\n",
    }


def seen(folder: Path, own: str) -> MachineMemory:
    (folder / "own").write_text(own)
    return machine_memory(folder, folder / "own")


def test_without_limits_it_is_the_machines_memory(tmp_path: Path) -> None:
    total = psutil.virtual_memory().total
    for found in (machine_memory(tmp_path, tmp_path / "none"), seen(tmp_path, "0::/\n")):
        assert (found.total, found.contained, found.owner) == (total, False, "this machine")
        assert 0 < found.available <= found.reachable <= total


@pytest.mark.parametrize("own", ["0::/\n", "0::/docker/3f2a\n", "1:cpu:/x\n0::/a/b\n"])
def test_a_containers_limit_counts_whatever_the_host_calls_it(tmp_path: Path, own: str) -> None:
    cgroup(tmp_path, version_2("300000000", 100_000_000, cached=40_000_000))
    found = seen(tmp_path, own)
    assert (found.total, found.available) == (300_000_000, 240_000_000)
    assert (found.contained, found.owner) == (True, "this container")
    assert found.available <= found.reachable <= found.total


def test_the_tightest_of_nested_groups_counts(tmp_path: Path) -> None:
    cgroup(tmp_path / "user" / "job", version_2("max", 0))
    cgroup(tmp_path / "user", version_2("200000000", 50_000_000))
    cgroup(tmp_path, version_2("900000000", 0))
    found = seen(tmp_path, "0::/user/job\n")
    assert (found.total, found.available) == (200_000_000, 150_000_000)


def test_the_older_control_groups_are_read_too(tmp_path: Path) -> None:
    cgroup(tmp_path / "memory" / "job", version_1(500_000_000, 450_000_000, 50_000_000))
    found = seen(tmp_path, "11:cpu,cpuacct:/\n4:memory:/job\n")
    assert (found.total, found.available) == (500_000_000, 100_000_000)
    cgroup(tmp_path / "memory" / "job", version_1(2**63 - 4096, 0))  # how it says "no limit"
    assert not seen(tmp_path, "4:memory:/job\n").contained


# Building


def test_an_enormous_spec_is_refused_with_an_estimate_and_what_fits(small_machine: None) -> None:
    spec = registry.get("parnet_s").scaled(**ENORMOUS)
    with pytest.raises(registry.SpecError) as caught:
        refuse_what_does_not_fit(spec)
    text = str(caught.value)
    size = spec.cost(num_classes=None)
    gigabytes = (size.parameters + size.non_trainable) * 4 * 1.6 / GB
    assert f"would take about {gigabytes:,.1f} GB of memory to build" in text
    assert "of which this machine has about 4.0 GB left; " in text
    assert "\n" not in text
    percent = int(re.findall(r"(\d+)% of its width would fit", text)[0])
    refuse_what_does_not_fit(spec.scaled(width=percent / 100))
    with pytest.raises(registry.SpecError):
        refuse_what_does_not_fit(spec.scaled(width=(percent + 2) / 100))


@pytest.mark.parametrize("name", ["parnet_s", "parnet_blog_s"])
def test_building_it_is_refused_on_any_machine(name: str) -> None:
    with pytest.raises(registry.SpecError, match="of memory to build"):
        registry.get(name).scaled(**ENORMOUS).build(num_classes=10**9)


def test_the_numbers_type_the_classes_and_the_heads_pixels_count(small_machine: None) -> None:
    xl = registry.get("parnet_xl").scaled(width=2)
    refuse_what_does_not_fit(xl, num_classes=1000)
    with pytest.raises(registry.SpecError, match=r"about 4\.\d GB"):
        refuse_what_does_not_fit(xl, num_classes=1000, dtype="float64")
    with pytest.raises(registry.SpecError, match=r"with 1,000,000 classes .* or fewer classes"):
        refuse_what_does_not_fit(registry.get("parnet_xl"), num_classes=10**6)
    with pytest.raises(registry.SpecError, match="over 1,000,000 GB"):
        refuse_what_does_not_fit(registry.get("parnet_s"), num_classes=10**400)
    blog = registry.get("parnet_blog_s")
    refuse_what_does_not_fit(blog, num_classes=1000)
    refuse_what_does_not_fit(blog, num_classes=1000, image_shape=(64, 4096, 3))
    with pytest.raises(registry.SpecError, match="parnet_blog_s with 1,000 classes"):
        refuse_what_does_not_fit(blog, num_classes=1000, image_shape=(4096, 4096, 3))


def test_every_registered_network_fits_a_small_machine(small_machine: None) -> None:
    for name in registry.names(hidden=True):
        refuse_what_does_not_fit(registry.get(name), num_classes=1000)


# Training


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """Of ParNet-S at 224 pixels in batches of 64, on a machine without a GPU."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    monkeypatch.chdir(tmp_path)
    write_pictures(tmp_path / "pets", {"train/cat": 3, "train/dog": 3})
    text = RECIPE.replace("parnet_test", "parnet_s").replace("64", "224")
    (tmp_path / "pets.yaml").write_text(text)
    return plan_training("pets.yaml", batch_size=64)


def on(plan: Plan, gigabytes: float, left: float | None = None) -> Plan:
    machine = replace(memory_of(gigabytes), available=int((left or gigabytes) * GB))
    return replace(plan, machine=machine)


def at(batch_size: int, **changes: Any) -> Plan:
    return plan_training("pets.yaml", batch_size=batch_size, **changes)


def test_a_plan_that_fits_has_its_estimate_and_no_warning(plan: Plan) -> None:
    assert plan.memory_bytes is not None
    roomy = on(plan, plan.memory_bytes / GB * 1.01)
    assert roomy.misfit is None
    assert not any("warning" in line for line in roomy.lines())
    assert f"memory          about {plan.memory_bytes / GB:.1f} GB" in roomy.lines()


def test_a_plan_that_may_not_fit_is_warned_of_with_the_batch_that_does(plan: Plan) -> None:
    assert plan.memory_bytes is not None
    tight = on(plan, 64, left=plan.memory_bytes / GB * 0.8)
    assert tight.misfit is None
    [line] = [line for line in tight.lines() if "warning" in line]
    batch = int(re.findall(r"a batch size of (\d+) would fit", line)[0])
    assert 1 < batch < 64
    fits, does_not = (at(size).memory_bytes or 0 for size in (batch, batch + 1))
    assert fits <= tight.machine.available < does_not


def test_a_plan_far_too_large_names_what_fits_and_the_field_to_change(plan: Plan) -> None:
    field, sentence = on(plan, 3).misfit or ("", "")
    assert field == "batch_size"
    assert "64 images of 224 px in a step of parnet_s take about" in sentence
    assert "and this machine has 3.0 GB; a batch size of" in sentence
    huge = at(1, image_size=4096)
    field, sentence = on(huge, 4).misfit or ("", "")
    assert field == "model.resolution"
    side = int(re.findall(r"a batch size of 1 at (\d+) px would fit", sentence)[0])
    assert 32 <= side < 4096
    assert (at(1, image_size=side).memory_bytes or 0) <= 4 * GB
    wide = at(2, model="parnet_xl", overrides=["model.scaling.width=4"], image_size=64)
    field, sentence = on(wide, 8).misfit or ("", "")
    assert field == "model.name"
    assert sentence.endswith("; parnet_xl would fit")
    assert (on(wide, 0.5).misfit or ("", ""))[1].endswith("; take a smaller network")


def test_a_family_that_cannot_tell_its_size_is_let_through(plan: Plan) -> None:
    assert on(at(64, model="resnet50"), 0.1).misfit is None


def test_where_there_may_be_a_gpu_activations_are_no_reason(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert on(plan, 4).misfit is not None
    monkeypatch.setattr("parnet_zoo.training.memory.may_have_gpu", lambda: True)
    assert on(plan, 4).misfit is None
    assert not any("warning" in line for line in on(plan, 4).lines())
    assert on(plan, 1).misfit is not None, "TensorFlow itself is in the machine's memory"


def test_a_gpu_is_told_by_its_driver_and_hidden_by_cuda_visible_devices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    (tmp_path / "nvidiactl").touch()
    assert not may_have_gpu(tmp_path)
    (tmp_path / "nvidia3").touch()
    assert may_have_gpu(tmp_path)
    for value, expected in (("", False), ("-1", False), ("0,1", True), ("GPU-8932", True)):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
        assert may_have_gpu(tmp_path) == expected


def test_the_command_line_refuses_it_in_one_line_and_names_the_flag(
    plan: Plan, parnet_zoo_in: Run, tmp_path: Path
) -> None:
    done = parnet_zoo_in("train", "pets.yaml", "--batch-size", "60000")
    assert (done.code, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert done.stderr.startswith("--batch-size 60000 batch_size: 60,000 images of 224 px in a")
    assert done.stderr.endswith(" would fit\n")
    assert not (tmp_path / "mlflow.db").exists()


def test_of_the_file_it_is_said_where(plan: Plan) -> None:
    recipe = Path("pets.yaml")
    recipe.write_text(f"batch_size: 60000\n{recipe.read_text()}")
    with pytest.raises(RecipeError, match=r"^pets.yaml:1:13 batch_size: 60,000 images of 224 px"):
        plan_training("pets.yaml")
