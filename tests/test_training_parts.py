"""The parts of a training, each against a formula or a hand-made loop."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import pytest

from parnet_zoo.networks.dtype_policy import dtype_policy
from parnet_zoo.recipe.schema.optimizer import OptimizerSection
from parnet_zoo.recipe.schema.schedule import ScheduleSection
from parnet_zoo.training.keras_schedule import learning_rate
from parnet_zoo.training.labels import distributions
from parnet_zoo.training.optimizers import build_optimizer
from parnet_zoo.training.precision import resolve_precision

IMAGES = np.random.default_rng(0).normal(size=(24, 4)).astype("float32")
LABELS = keras.utils.to_categorical(np.arange(24) % 3)


def network() -> Any:
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(5, name="inner"), keras.layers.BatchNormalization(),
         keras.layers.Dense(3, name="outer")]
    )  # fmt: skip


def compiled(optimizer: Any = None) -> Any:
    model = network()
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    model.compile(optimizer or keras.optimizers.SGD(0.1), loss, metrics=["accuracy"])
    return model


class Recorder(keras.callbacks.Callback):
    """Keeps the weights after every step, and those that validation saw."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[list[np.ndarray]] = []
        self.validated: list[list[np.ndarray]] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        del batch, logs
        self.steps.append([np.array(weight) for weight in self.model.get_weights()])

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        del batch, logs
        self.validated.append([np.array(weight) for weight in self.model.get_weights()])


def fit(model: Any, *callbacks: Any, epochs: int = 2) -> Any:
    return model.fit(
        IMAGES, LABELS, batch_size=8, epochs=epochs, shuffle=False, verbose=0,
        validation_data=(IMAGES, LABELS), validation_batch_size=24, callbacks=list(callbacks),
    )  # fmt: skip


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_smoothed_labels_are_spread_over_all_classes(smoothing: float) -> None:
    rows = np.asarray(distributions(np.array([2, 0]), 4, smoothing))
    assert rows.sum(-1) == pytest.approx(1)
    assert rows[0, 2] == pytest.approx(1 - smoothing + smoothing / 4)
    assert rows[0, 0] == pytest.approx(smoothing / 4)
    assert rows.argmax(-1).tolist() == [2, 0]


def rates(section: ScheduleSection, epochs: int, steps: int, full: float = 1.0) -> list[float]:
    rate = learning_rate(full, section, epochs=epochs, steps_per_epoch=steps)
    return [float(rate(step) if callable(rate) else rate) for step in range(epochs * steps)]


def test_a_constant_rate_is_constant() -> None:
    assert rates(ScheduleSection(), 2, 3, 0.3) == pytest.approx([0.3] * 6)


def test_cosine_goes_from_the_full_rate_to_zero_over_the_steps_after_the_warm_up() -> None:
    got = rates(ScheduleSection(name="cosine", warmup_epochs=1), 3, 10)
    assert got[:10] == pytest.approx([(n + 1) / 11 for n in range(10)])
    expected = [0.5 * (1 + math.cos(math.pi * n / 20)) for n in range(20)]
    assert got[10:] == pytest.approx(expected, abs=1e-6)


def test_exponential_is_multiplied_after_every_epoch() -> None:
    got = rates(ScheduleSection(name="exponential", decay=0.5), 3, 4)
    assert got == pytest.approx([1] * 4 + [0.5] * 4 + [0.25] * 4)


def test_part_of_an_epoch_can_be_warm_up() -> None:
    got = rates(ScheduleSection(name="constant", warmup_epochs=0.5), 1, 8)
    assert got == pytest.approx([1 / 5, 2 / 5, 3 / 5, 4 / 5, 1, 1, 1, 1])


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_weight_decay_shrinks_kernels_and_leaves_norms_and_biases(name: Any) -> None:
    section = OptimizerSection(name=name, weight_decay=0.5, learning_rate=0.1)
    model = compiled(build_optimizer(section, 0.1))
    before = {weight.path: np.array(weight) for weight in model.trainable_weights}
    zeros = [np.zeros_like(value) for value in before.values()]
    model.optimizer.apply_gradients(zip(zeros, model.trainable_weights, strict=True))
    for weight in model.trainable_weights:
        factor = 0.95 if weight.path.endswith("kernel") else 1.0
        np.testing.assert_allclose(weight, before[weight.path] * factor, rtol=1e-5, atol=1e-7)


def test_the_norm_of_all_gradients_together_is_clipped() -> None:
    section = OptimizerSection(name="sgd", clip_norm=1.0)
    model = compiled(build_optimizer(section, 1.0))
    before = [np.array(weight) for weight in model.trainable_weights]
    big = [np.full_like(value, 7) for value in before]
    model.optimizer.apply_gradients(zip(big, model.trainable_weights, strict=True))
    moved = [a - np.array(b) for a, b in zip(before, model.trainable_weights, strict=True)]
    assert math.sqrt(sum(float((step**2).sum()) for step in moved)) == pytest.approx(1, rel=1e-5)


def test_nesterov_momentum_is_keras_own() -> None:
    section = OptimizerSection(name="sgd", momentum=0.9, nesterov=True)
    optimizer = build_optimizer(section, 0.1)
    assert (optimizer.momentum, optimizer.nesterov) == (0.9, True)


def finish_epochs(callback: Any, model: Any, metric: str, values: Sequence[float]) -> None:
    callback.set_model(model)
    for epoch, value in enumerate(values):
        model.get_layer("outer").bias.assign(np.full(3, epoch + 1.0))
        callback.on_epoch_end(epoch, {metric: value})


def test_the_dtype_policy_is_put_back_whatever_happens() -> None:
    before = keras.config.dtype_policy()
    with dtype_policy("mixed_bfloat16"):
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    with pytest.raises(ValueError, match="nonsense"), dtype_policy("mixed_bfloat16"):
        raise ValueError("nonsense")
    assert keras.config.dtype_policy() == before


@pytest.mark.parametrize(
    ("flags", "policy"),
    [({"avx2", "avx512_bf16"}, "mixed_bfloat16"), ({"amx_bf16"}, "mixed_bfloat16"),
     ({"avx2"}, "float32"), (set(), "float32")],
)  # fmt: skip
def test_auto_precision_on_a_processor_follows_its_features(
    monkeypatch: pytest.MonkeyPatch, flags: set[str], policy: str
) -> None:
    import tensorflow as tf

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _kind: [])
    monkeypatch.setattr("parnet_zoo.training.precision._cpu_flags", lambda: frozenset(flags))
    assert resolve_precision("auto") == policy
    assert resolve_precision("mixed_float16") == "mixed_float16"


@pytest.mark.parametrize(
    ("capability", "policy"),
    [((8, 0), "mixed_bfloat16"), ((9, 0), "mixed_bfloat16"), ((7, 5), "mixed_float16"),
     ((6, 1), "float32"), (None, "float32")],
)  # fmt: skip
def test_auto_precision_on_a_gpu_follows_its_capability(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int] | None, policy: str
) -> None:
    import tensorflow as tf

    details = {} if capability is None else {"compute_capability": capability}
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _kind: ["gpu"])
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda _gpu: details)
    assert resolve_precision("auto") == policy
