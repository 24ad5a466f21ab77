"""Checkpoints of other code into Keras files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, get_args

from parnet_zoo.errors import UsageError
from parnet_zoo.networks.blog.spec import BlogSpec
from parnet_zoo.networks.checkpoints.authors_file import Activation, AuthorsFile
from parnet_zoo.networks.checkpoints.blog_keys import BlogKeys
from parnet_zoo.networks.checkpoints.check_target import check_target
from parnet_zoo.networks.checkpoints.conversion import Conversion
from parnet_zoo.networks.checkpoints.errors import CheckpointError
from parnet_zoo.networks.checkpoints.keras2_file import open_keras2_file
from parnet_zoo.networks.checkpoints.nearest_spec import NearestSpec
from parnet_zoo.networks.checkpoints.open_checkpoint import open_checkpoint
from parnet_zoo.networks.checkpoints.torch_file import read_torch_file
from parnet_zoo.networks.checkpoints.whole_file import whole_file
from parnet_zoo.networks.hdf5 import SIGNATURE
from parnet_zoo.networks.keras_name import keras_name
from parnet_zoo.networks.spec import ParNetSpec
from parnet_zoo.networks.write_weights import write_weights
from registry import BackboneSpec

SUFFIXES = (".keras", ".weights.h5")
RELEASED = "parnet_s_release"
_ZIP, _PICKLE = b"PK", b"\x80"


def convert(
    source: str | Path,
    target: str | Path,
    *,
    activation: Activation = "silu",
    num_classes: int | None = None,
    ema: bool = False,
    force: bool = False,
) -> Conversion:
    """Convert a checkpoint of ParNet's authors or of the blog into a Keras file.

    Which of the two it is, its widths, depths and classes are read off the file; nothing in it is
    executed. The result is the training form, giving logits.

    Args:
        source: `.pth.tar` as the authors' code writes it, or `.h5` as the blog's Keras 2 does.
        target: Ends in `.keras` (the model; `keras.saving.load_model` after `import
            parnet_zoo.networks`) or `.weights.h5` (for `spec.build(weights=...)` and `parnet-zoo
            train --weights`). It appears under its name when it is complete.
        activation: Of every block. The paper's is SiLU; the authors' released code ran ReLU.
        num_classes: Where it differs from the checkpoint's, a fresh head of that size is made and
            the checkpoint's head left out.
        ema: Take the moving average of the weights, which an authors' file may have.
        force: Replace the target if it exists.

    Raises:
        CheckpointError: The file is broken or hostile, or of another network; nothing is written.
        UsageError: An argument is wrong.
        SpecError: The network would not fit in memory.
    """
    job = ConversionJob.checked(
        source, target, activation=activation, num_classes=num_classes, ema=ema, force=force
    )
    return job.run()


@dataclass(frozen=True)
class _Checkpoint:
    """A source, read as far as that goes without a framework."""

    format: Literal["authors", "blog"]
    nearest: NearestSpec
    classes: int
    load: Callable[[int | None, str], Any]
    input_size: int | None = None
    epoch: int | None = None
    arch: str | None = None


@dataclass(frozen=True)
class ConversionJob:
    """A conversion in two steps: `checked` imports no framework, `run` does.

    Most of what can be wrong is found in the first, in a moment.
    """

    source: Path
    target: Path
    activation: Activation
    num_classes: int | None
    ema: bool
    _checkpoint: _Checkpoint

    @classmethod
    def checked(
        cls,
        source: str | Path,
        target: str | Path,
        *,
        activation: Activation = "silu",
        num_classes: int | None = None,
        ema: bool = False,
        force: bool = False,
    ) -> Self:
        """Look at the arguments and into the source; see `convert`."""
        source, target = Path(source), Path(target)
        if activation not in get_args(Activation):
            raise UsageError(f"the activation is silu or relu, not {activation!r}")
        if num_classes is not None and num_classes < 1:
            raise UsageError(f"a head has at least one class, not {num_classes}")
        if not target.name.endswith(SUFFIXES) or target.name in SUFFIXES:
            ends = " or ".join(SUFFIXES)
            raise UsageError(f"{target}: the name of what is written ends in {ends}")
        check_target(target, source, force=force)
        checkpoint = _opened(source, activation, ema=ema)
        return cls(source, target, activation, num_classes, ema, checkpoint)

    @property
    def spec(self) -> BackboneSpec:
        """The network's."""
        return self._checkpoint.nearest.spec

    @property
    def registered(self) -> bool:
        """Whether the network is a registered one, so that its name says it all."""
        return not self._checkpoint.nearest.changes

    def run(self) -> Conversion:
        """Build the network, fill it and write it."""
        checkpoint, spec = self._checkpoint, self.spec
        with self.source.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        # Keras forbids some characters of derived names in its scopes.
        model = checkpoint.load(self.num_classes, keras_name(spec))
        _write(model, self.target)
        return Conversion(
            source=self.source,
            sha256=digest,
            format=checkpoint.format,
            target=self.target,
            network=spec.name,
            base=checkpoint.nearest.base,
            changes=checkpoint.nearest.changes,
            spec=spec.model_dump(mode="json"),
            classes=model.num_classes,
            head_left_out=model.num_classes != checkpoint.classes,
            input_size=checkpoint.input_size,
            activation=self.activation,
            ema=self.ema,
            keys=model.key_report,
            epoch=checkpoint.epoch,
            arch=checkpoint.arch,
            note=self._note(),
        )

    def _note(self) -> str:
        if self._checkpoint.nearest.base != RELEASED or self.activation == "relu":
            return ""
        return (
            "these are the widths of the authors' released network, which their code ran with ReLU;"
            " with the activation relu it gives the outputs that it had there"
        )


def _opened(source: Path, activation: Activation, *, ema: bool) -> _Checkpoint:
    """The checkpoint, of whichever kind its first bytes say."""
    with open_checkpoint(source) as file:
        start = file.read(len(SIGNATURE))
    if start == SIGNATURE:
        if ema:
            raise UsageError(f"{source.name} is an .h5 of Keras, which has no moving average")
        return _blog(source, activation)
    if start.startswith((_ZIP, _PICKLE)):  # a bare pickle is a PyTorch file of before 1.6
        return _authors(source, activation, ema=ema)
    if not start:
        raise CheckpointError(f"{source.name} is empty")
    raise CheckpointError(
        f"{source.name} is neither a PyTorch file of the authors' code nor an .h5 of the blog's"
    )


def _authors(source: Path, activation: Activation, *, ema: bool) -> _Checkpoint:
    content = read_torch_file(source)
    file = AuthorsFile.of(content, source.name, activation=activation, ema=ema)

    def load(num_classes: int | None, name: str) -> Any:
        from parnet_zoo.networks.checkpoints.authors import load_from

        return load_from(file, num_classes=num_classes, name=name)

    nearest = NearestSpec.to(file.scaling, kind=ParNetSpec, default="parnet_s")
    return _Checkpoint("authors", nearest, file.classes, load, epoch=file.epoch, arch=file.arch)


def _blog(source: Path, activation: Activation) -> _Checkpoint:
    with open_keras2_file(source) as stored:
        shapes = {
            f"{layer}/{weight}": array.shape
            for layer, arrays in stored.items()
            for weight, array in arrays.items()
        }
        keys = BlogKeys(shapes)
        scaling, classes = keys.scaling(activation), keys.classes

    def load(num_classes: int | None, name: str) -> Any:
        from parnet_zoo.networks.checkpoints.blog import load_blog_logits

        return load_blog_logits(source, activation, num_classes=num_classes, name=name)

    nearest = NearestSpec.to(scaling, kind=BlogSpec, default="parnet_blog_s", ignored=())
    return _Checkpoint("blog", nearest, classes, load, input_size=scaling.resolution)


def _write(model: Any, target: Path) -> None:
    suffix = next(suffix for suffix in SUFFIXES if target.name.endswith(suffix))
    with whole_file(target, suffix) as unfinished:
        if suffix == ".keras":
            model.save(unfinished)
        else:
            write_weights(model, unfinished)
