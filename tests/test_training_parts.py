"""The parts of a training, each against a formula or a hand-made loop."""

from __future__ import annotations

import keras
import pytest

from parnet_zoo.networks.dtype_policy import dtype_policy
from parnet_zoo.training.precision import resolve_precision


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
