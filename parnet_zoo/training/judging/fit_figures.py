"""The figures of a fit: how it went, what it saw, what was trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from parnet_zoo.training.judging.figures import Figures
from parnet_zoo.training.plan import Plan


def log_fit_figures(
    figures: Figures, plan: Plan, history: Mapping[str, Sequence[float]], best_epoch: int
) -> None:
    """Log learning curves, augmented training images and a drawing of the network.

    Args:
        figures: Where they go.
        plan: With the recipe and the images.
        history: Metrics by epoch.
        best_epoch: From 1.
    """
    from parnet_zoo.evaluation.figures.curves import learning_curves
    from parnet_zoo.evaluation.figures.network_drawing import network_drawing
    from parnet_zoo.training.augmented_images import draw_augmented

    with figures.draw("learning_curves", "the figure of the learning curves") as path:
        learning_curves(history, path, best_epoch)
    with figures.draw("augmentation", "the figure of the augmented images") as path:
        draw_augmented(plan.recipe, plan.folder, path)
    with figures.draw("network", "the drawing of the network") as path:
        classes = len(plan.folder.classes)
        network_drawing(plan.recipe.spec(), path, classes=classes, cost=plan.cost)
