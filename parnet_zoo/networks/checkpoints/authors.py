"""Checkpoints of ParNet's authors (`.pth.tar`) as Keras models."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from parnet_zoo.networks.checkpoints.errors import CheckpointError
from parnet_zoo.networks.checkpoints.torch_file import read_torch_file
from parnet_zoo.networks.parnet import ParNet
from parnet_zoo.networks.spec import ScalingSpec
from parnet_zoo.networks.topology import BlockPlan

Tensors = dict[str, NDArray[Any]]
BATCH_NORM = ("weight", "bias", "running_mean", "running_var")
SHOWN = 8
MATRIX, KERNEL = 2, 4


class KeyReport(BaseModel):
    """What became of a checkpoint's keys.

    Attributes:
        matched: Loaded.
        missing: Needed by the network, but not in the file.
        unexpected: In the file, but of no use to the network.
        wrong_shape: In both, with different shapes.
    """

    model_config = ConfigDict(frozen=True)

    matched: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    wrong_shape: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every key was used and every weight found."""
        return not (self.missing or self.unexpected or self.wrong_shape)

    def __str__(self) -> str:
        """One line, with the first names of each kind that is wrong."""
        parts = [f"{len(self.matched)} keys match"]
        for title, names in (
            ("missing", self.missing),
            ("unexpected", self.unexpected),
            ("of the wrong shape", self.wrong_shape),
        ):
            if names:
                more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
                parts.append(f"{len(names)} {title}: {', '.join(names[:SHOWN])}{more}")
        return "; ".join(parts)


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
    """
    tensors = _state(read_torch_file(path), Path(path).name, ema=ema)
    scaling = _scaling(tensors, activation, Path(path).name)
    classes = len(tensors["head.fc.bias"])
    model = ParNet(scaling=scaling, num_classes=num_classes or classes, name=name)
    wanted = dict(_wanted(model, with_head=(num_classes or classes) == classes))
    report = _compare(tensors, wanted, head_left_out=(num_classes or classes) != classes)
    if not report.complete:
        raise CheckpointError(f"{Path(path).name} is not this network: {report}")
    for key, variable in wanted.items():
        variable.assign(_as_keras(tensors[key]))
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


def _state(content: Any, name: str, *, ema: bool) -> Tensors:
    wanted = "state_dict_ema" if ema else "state_dict"
    state = content.get(wanted) if isinstance(content, Mapping) else None
    if state is None and not ema and isinstance(content, Mapping):
        state = content  # a bare state dict
    if not isinstance(state, Mapping):
        raise CheckpointError(f"{name} has no {wanted}")
    tensors = {
        str(key).removeprefix("module."): value
        for key, value in state.items()
        if isinstance(value, np.ndarray) and not str(key).endswith("num_batches_tracked")
    }
    if not tensors:
        raise CheckpointError(f"{name} holds no tensors under {wanted}")
    return tensors


def _scaling(tensors: Tensors, activation: str, name: str) -> ScalingSpec:
    """Read widths, depths and classes off the tensors."""
    try:
        depth = [_count(tensors, rf"streams\.{branch}\.(\d+)\.") for branch in range(3)]
        channels = [
            len(tensors[f"streams.{branch}.0.block.rbr_identity.weight"]) for branch in range(3)
        ]
        final = len(tensors["combine.3.block.rbr_dense.bn.weight"])
        in_channels = tensors["inits.0.0.block.rbr_dense.conv.weight"].shape[1]
        len(tensors["head.fc.bias"])  # the number of classes
        return ScalingSpec(
            channels=tuple(channels),
            final_channels=final,
            depth=tuple(depth),
            activation=activation,
            in_channels=in_channels,
        )
    except (KeyError, IndexError, TypeError) as error:
        raise CheckpointError(f"{name} is no ParNet checkpoint: {error} is missing") from error
    except ValidationError as error:
        reason = error.errors()[0]["msg"]
        raise CheckpointError(f"{name} is no ParNet that can be built: {reason}") from error


def _count(tensors: Tensors, pattern: str) -> int:
    """One more than the largest number at the group's place in a key."""
    found = [int(match[1]) for key in tensors if (match := re.match(pattern, key))]
    if not found:
        raise KeyError(pattern.replace("\\", "").replace("(d+)", "*"))
    return max(found) + 1


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


def _compare(tensors: Tensors, wanted: dict[str, Any], *, head_left_out: bool) -> KeyReport:
    given = {key for key in tensors if not (head_left_out and key.startswith("head."))}
    both = given & wanted.keys()
    fits = {key for key in both if _as_keras(tensors[key]).shape == tuple(wanted[key].shape)}
    return KeyReport(
        matched=tuple(sorted(fits)),
        missing=tuple(sorted(wanted.keys() - given)),
        unexpected=tuple(sorted(given - wanted.keys())),
        wrong_shape=tuple(sorted(both - fits)),
    )


def _as_keras(tensor: NDArray[Any]) -> NDArray[Any]:
    """PyTorch's (out, in, h, w) and (out, in) as Keras' (h, w, in, out) and (in, out)."""
    if tensor.ndim == KERNEL:
        return tensor.transpose(2, 3, 1, 0)
    return tensor.T if tensor.ndim == MATRIX else tensor
