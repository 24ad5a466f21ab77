"""From the training form of a network to its deploy form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from registry import SpecError

if TYPE_CHECKING:
    import keras


class NoDeployFormError(SpecError):
    """The network does not know how to fold itself."""


def to_deploy_form(model: Any, outputs: Sequence[str] | None = None) -> keras.Model:
    """Fold a trained network into its deploy form, made of plain Keras layers only.

    The deploy form has one 3x3 convolution a block (two, on channel halves, in a fusion), no
    BatchNorm and no permutation of channels. It loads without this project's classes.

    Args:
        model: In training form, headless or with a head; it is not changed. Any Keras model will do
            that has a method `draw_deploy_form(outputs)`, as those of the families `parnet` and
            `parnet_blog` have.
        outputs: Names of pyramid levels ("P3") and stages ("stream_1", "merge_2", "final") to
            expose; by default the model's own output.

    Returns:
        A model of the same function, up to rounding: in float64 if the model's weights are, else in
        float32, also for a model trained in half precision. With `outputs` it gives a dictionary
        from each name to its map (n, h, w, c), channels in the training form's order.

    Raises:
        NoDeployFormError: The model's family has no deploy form.
        SpecError: The model has no output of such a name; the message lists those that it has.

    Example:
        >>> deploy = to_deploy_form(registry.get("parnet_s").build(), outputs=("P3", "P4", "P5"))
        >>> deploy(numpy.zeros((1, 224, 224, 3)))["P4"].shape
        (1, 14, 14, 384)
    """
    draw = getattr(model, "draw_deploy_form", None)
    if draw is None:
        raise NoDeployFormError(
            f"{getattr(model, 'name', model)!r} has no deploy form: {type(model).__name__} does not"
            " say how its layers fold (it has no method draw_deploy_form)"
        )
    return draw(outputs)
