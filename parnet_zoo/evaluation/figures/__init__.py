"""Figures as PNG files, drawn without matplotlib's global state."""

from parnet_zoo.evaluation.figures.augmentation_grid import augmentation_grid
from parnet_zoo.evaluation.figures.class_samples import class_samples
from parnet_zoo.evaluation.figures.confusion import confusion_matrix
from parnet_zoo.evaluation.figures.curves import learning_curves
from parnet_zoo.evaluation.figures.sheet import prediction_sheet

__all__ = [
    "augmentation_grid",
    "class_samples",
    "confusion_matrix",
    "learning_curves",
    "prediction_sheet",
]
