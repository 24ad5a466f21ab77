"""Checkpoints of ParNet's authors (`.pth.tar`) as Keras models."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray

from parnet_zoo.networks.checkpoints.authors_file import AuthorsFile
from parnet_zoo.networks.checkpoints.errors import CheckpointError
from parnet_zoo.networks.checkpoints.key_report import KeyReport
from parnet_zoo.networks.checkpoints.torch_file import read_torch_file
from parnet_zoo.networks.memory import refuse_what_does_not_fit
from parnet_zoo.networks.parnet import ParNet
from parnet_zoo.networks.spec import ParNetSpec
from parnet_zoo.networks.topology import BlockPlan
from registry import SpecError

BATCH_NORM = ("weight", "bias", "running_mean", "running_var")
MATRIX, KERNEL = 2, 4


def load_authors(
    path: str | Path,
    activation: Literal["silu", "relu"] = "silu",
    *,
    num_classes: int | None = None,
    ema: bool = False,
    name: str = "parnet",
) -> ParNet:
    """Load a checkpoint of the authors' code; nothing in the file is executed.

    Widths, depths and classes are read off the tensors. The file does not say which activation it
    was trained with: the paper's is SiLU, the authors' released code ran ReLU.

    Args:
        path: The `.pth.tar` file, its keys with or without `module.`.
        activation: Of every block.
        num_classes: Where it differs from the checkpoint's, a fresh head of that size is made and
            the checkpoint's head left out.
        ema: Take the moving average of the weights (`state_dict_ema`).
        name: Of the model.

    Returns:
        The network in training form, giving logits (n, classes). Its attribute `key_report` says
        what was matched.

    Raises:
        CheckpointError: The file is broken or hostile, or does not hold exactly a ParNet of three
            branches; the message lists the keys that do not fit. Nothing is half-loaded.
        SpecError: The network would not fit in memory.
    """
    name_of_file = Path(path).name
    file = AuthorsFile.of(read_torch_file(path), name_of_file, activation=activation, ema=ema)
    return load_from(file, num_classes=num_classes, name=name)


def load_from(file: AuthorsFile, *, num_classes: int | None = None, name: str = "parnet") -> ParNet:
    """Build the network that a file describes and fill it; see `load_authors`."""
    if num_classes is not None and num_classes < 1:
        raise SpecError(f"a head has at least one class, not {num_classes}")
    classes = num_classes or file.classes
    spec = ParNetSpec(name="parnet", scaling=file.scaling)
    refuse_what_does_not_fit(spec, num_classes=classes)
    model = ParNet(scaling=file.scaling, num_classes=classes, name=name)
    own_head = classes == file.classes
    wanted = dict(_wanted(model, with_head=own_head))
    report = KeyReport.of(
        {
            key: _as_keras(tensor).shape
            for key, tensor in file.tensors.items()
            if own_head or not key.startswith("head.")
        },
        {key: tuple(variable.shape) for key, variable in wanted.items()},
    )
    if not report.complete:
        raise CheckpointError(f"{file.name} is not this network: {report}")
    for key, variable in wanted.items():
        variable.assign(_as_keras(file.tensors[key]))
    model.key_report = report
    return model


def block_prefix(plan: BlockPlan, branches: int = 3) -> str:
    """The authors' name of a block, e.g. `streams.0.2` for `stream_0_block_2`."""
    kind, _, rest = plan.name.partition("_")
    if kind == "stem":
        return f"inits.0.{rest}"
    if kind == "enter":
        return f"inits.{rest}"
    if kind == "stream":
        branch, index = re.findall(r"\d+", rest)
        return f"streams.{branch}.{index}"
    if kind == "final":
        return "combine.3"
    if int(rest) == branches - 1:
        return "combine.2"
    return "downsamples_2.0" if rest == "0" else f"downsamples_2.{rest}.2"


def _wanted(model: ParNet, *, with_head: bool) -> Iterator[tuple[str, Any]]:
    """Every key that the network needs, with the variable it fills."""
    for plan in model.topology.blocks:
        prefix = block_prefix(plan)
        yield from _block(model, plan, f"{prefix}.block")
        if plan.kind == "fusion":
            norms = f"{prefix.rpartition('.')[0]}.0"
            for role, key in (("stream_bn", "b1"), ("previous_bn", "b2")):
                yield from _norm(model, f"{plan.name}_{role}", f"{norms}.{key}")
    if with_head:
        head = model.get_layer("head_logits")
        yield "head.fc.weight", head.kernel
        yield "head.fc.bias", head.bias


def _block(model: ParNet, plan: BlockPlan, prefix: str) -> Iterator[tuple[str, Any]]:
    pointwise = f"{prefix}.rbr_1x1" + (".1" if plan.stride > 1 else "")
    for role, key in (("dense", f"{prefix}.rbr_dense"), ("pointwise", pointwise)):
        yield f"{key}.conv.weight", model.get_layer(f"{plan.name}_{role}_conv").kernel
        yield from _norm(model, f"{plan.name}_{role}_bn", f"{key}.bn")
    yield f"{prefix}.se.cvsig.conv.weight", model.get_layer(f"{plan.name}_gate_conv").kernel
    if plan.kind == "stream":
        yield from _norm(model, f"{plan.name}_identity_bn", f"{prefix}.rbr_identity")


def _norm(model: ParNet, layer: str, prefix: str) -> Iterator[tuple[str, Any]]:
    norm = model.get_layer(layer)
    variables = (norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance)
    for name, variable in zip(BATCH_NORM, variables, strict=True):
        yield f"{prefix}.{name}", variable


def _as_keras(tensor: NDArray[Any]) -> NDArray[Any]:
    """PyTorch's (out, in, h, w) and (out, in) as Keras' (h, w, in, out) and (in, out)."""
    if tensor.ndim == KERNEL:
        return tensor.transpose(2, 3, 1, 0)
    return tensor.T if tensor.ndim == MATRIX else tensor
