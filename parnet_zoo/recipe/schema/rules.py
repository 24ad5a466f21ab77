"""What must hold between the fields of a recipe."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from parnet_zoo.recipe.schema.backbone import BackboneMisfitError, backbone_of
from parnet_zoo.recipe.schema.data_section_rules import check_data
from parnet_zoo.recipe.schema.device_rules import check_distribution
from parnet_zoo.recipe.schema.findings import Finding
from parnet_zoo.recipe.schema.image_rules import (
    check_augmentation,
    check_sizes,
    check_stages_in_order,
)
from parnet_zoo.recipe.schema.optimizer_rules import check_optimizer
from parnet_zoo.recipe.schema.scaling_rules import check_scaling
from parnet_zoo.recipe.schema.schedule_rules import check_schedule
from parnet_zoo.recipe.schema.stage_rules import (
    check_freeze,
    check_freeze_statistics,
    check_stagewise_training,
)

if TYPE_CHECKING:
    from parnet_zoo.recipe.schema.recipe import Recipe
    from registry import BackboneSpec


def contradictions(recipe: Recipe) -> Iterator[Finding]:
    """Every rule between fields that a recipe breaks; what needs the data is in `data_rules`."""
    # The clock takes the place of the epochs, so nothing is too long for them.
    yield from check_schedule(recipe.schedule, recipe.epochs if recipe.time is None else None)
    yield from check_optimizer(recipe.optimizer)
    yield from check_distribution(recipe.distribution, recipe.batch_size)
    yield from check_data(recipe.data)
    yield from check_augmentation(recipe.augmentation, recipe.batch_size)
    yield from check_stages_in_order(recipe.progressive)
    yield from check_scaling(recipe.model.scaling)
    yield from check_freeze_statistics(recipe.model)
    try:
        spec = backbone_of(recipe.model)
    except BackboneMisfitError as error:
        yield from error.findings
    else:
        yield from _about_the_network(recipe, spec)


def _about_the_network(recipe: Recipe, spec: BackboneSpec) -> Iterator[Finding]:
    yield from check_freeze(recipe.model, spec)
    yield from check_stagewise_training(
        recipe.model,
        spec,
        head_epochs=recipe.schedule.head_epochs,
        layer_decay=recipe.optimizer.layer_decay,
    )
    yield from check_sizes(recipe.progressive, recipe.data.stored_resolution, spec)
