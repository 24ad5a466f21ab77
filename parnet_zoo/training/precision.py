"""Which number format a training computes in."""

from __future__ import annotations

from pathlib import Path

CPU_FLAGS_WITH_BFLOAT16 = frozenset({"avx512_bf16", "amx_bf16"})
BFLOAT16_CAPABILITY = (8, 0)
FLOAT16_CAPABILITY = (7, 0)


def resolve_precision(wanted: str) -> str:
    """The Keras dtype policy for a recipe's `precision`.

    "auto" takes bfloat16 where the first GPU, or else the processor, computes it natively, float16
    on GPUs that have only that, and float32 anywhere else. The head always stays in float32.
    """
    if wanted != "auto":
        return wanted
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return cpu_precision()
    capability = tf.config.experimental.get_device_details(gpus[0]).get("compute_capability")
    if capability is None or tuple(capability) < FLOAT16_CAPABILITY:
        return "float32"
    return "mixed_bfloat16" if tuple(capability) >= BFLOAT16_CAPABILITY else "mixed_float16"


def cpu_precision() -> str:
    """What "auto" means on this machine's processor, without importing TensorFlow."""
    return "mixed_bfloat16" if _cpu_flags() & CPU_FLAGS_WITH_BFLOAT16 else "float32"


def _cpu_flags() -> frozenset[str]:
    """The processor's features as Linux lists them; empty where that list is not to be had."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return frozenset()
    flags = next((line for line in lines if line.startswith("flags")), "")
    return frozenset(flags.partition(":")[2].split())
