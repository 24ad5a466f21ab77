"""What must hold between a network's stages and how they are trained."""

from collections.abc import Iterator

from parnet_zoo.networks.stages import HEAD, stages_matching
from parnet_zoo.recipe.schema.findings import Finding
from parnet_zoo.recipe.schema.model import ModelSection
from parnet_zoo.recipe.schema.nearest_pattern import nearest_pattern
from registry import BackboneSpec, SpecError
from registry.field_path import FieldPath

_FREEZE: FieldPath = ("model", "freeze")
_STATISTICS: FieldPath = ("model", "freeze_statistics")
_HEAD_EPOCHS: FieldPath = ("schedule", "head_epochs")
_LAYER_DECAY: FieldPath = ("optimizer", "layer_decay")
_NETWORK: tuple[FieldPath, ...] = (("model", "name"), ("model", "spec"))


def check_freeze(model: ModelSection, spec: BackboneSpec) -> Iterator[Finding]:
    """The frozen stages exist, and something is left to train."""
    if model.freeze and not spec.stages:
        yield _no_stages(_FREEZE, "none of them can be frozen", spec)
        return
    stages = (*spec.stages, HEAD)
    frozen: set[str] = set()
    for index, word in enumerate(model.freeze):
        try:
            frozen.update(stages_matching(word, stages, spec.name))
        except SpecError as error:
            near = nearest_pattern(word, stages)
            hint = f"did you mean {near!a}? there are {', '.join(stages)}"
            message = f"no stage of {spec.name} matches {word!a}; {hint}" if near else str(error)
            place = (*_FREEZE, index)
            yield Finding(place, message, (place, *_NETWORK, ("model", "scaling")))
    if frozen.issuperset(stages):
        message = (
            "with all of it frozen, nothing is left to train; name what is to be frozen, without"
            " head"
        )
        yield Finding(_FREEZE, message, (_FREEZE, *_NETWORK))


def check_freeze_statistics(model: ModelSection) -> Iterator[Finding]:
    """Statistics are let free where they would not be anyway."""
    if not model.freeze_statistics and set(model.freeze) <= {HEAD}:  # which has none
        message = "no stage with statistics is frozen; name one in model.freeze, or remove it"
        yield Finding(_STATISTICS, message, (_STATISTICS, _FREEZE))


def check_stagewise_training(
    model: ModelSection, spec: BackboneSpec, *, head_epochs: int, layer_decay: float | None
) -> Iterator[Finding]:
    """Training by stages needs stages, and training the head alone one that is trained."""
    if layer_decay is not None and not spec.stages:
        yield _no_stages(_LAYER_DECAY, "their rates cannot differ", spec)
    if head_epochs and not spec.stages:
        yield _no_stages(_HEAD_EPOCHS, "its head cannot be trained alone", spec)
    elif head_epochs and HEAD in _frozen(model, spec):
        message = (
            "the head is frozen, so nothing would be trained in these epochs; remove it, or take"
            " head out of model.freeze"
        )
        yield Finding(_HEAD_EPOCHS, message, (_HEAD_EPOCHS, _FREEZE, *_NETWORK))


def _no_stages(path: FieldPath, consequence: str, spec: BackboneSpec) -> Finding:
    why = f"; {spec.limits.rstrip('.')}" if spec.limits else ""
    message = f"{spec.name} has no named stages, so {consequence}{why}"
    return Finding(path, message, (path, *_NETWORK))


def _frozen(model: ModelSection, spec: BackboneSpec) -> set[str]:
    """The frozen stages; a word that stands for none is another rule's."""
    frozen: set[str] = set()
    for word in model.freeze:
        try:
            frozen.update(stages_matching(word, (*spec.stages, HEAD), spec.name))
        except SpecError:
            continue
    return frozen
