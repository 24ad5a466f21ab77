"""Train a detector on a ParNet backbone: keras-cv's RetinaNet finds and reads handwritten digits.

    python examples/detection.py

reaches mAP 0.712, AP50 0.925 and AP75 0.885 on 300 pictures, in 520 s of CPU time: 10 minutes on 2
cores of an AMD EPYC (no GPU) that other programs were using as well (load 7 to 10).

It composes pictures of 128 x 128 pixels with 3 to 8 digits each (scattered_digits.py), trains from
scratch, measures on pictures with digits that were never trained on (average_precision.py), and
leaves in the folder `--out` the trained detector and a drawing of what it finds. The detector loads
in any program that knows the networks:

    import keras, keras_cv, parnet_zoo.networks
    detector = keras.saving.load_model("digit_detector/detector.keras")
    detector.predict(pictures / 255)  # (n, 128, 128, 3): boxes, classes, confidence
"""

from __future__ import annotations

import json
import math
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from average_precision import THRESHOLDS, Boxes, Detections, average_precision
from scattered_digits import CLASSES, Scenes, scattered_digits

import registry
from parnet_zoo.training.silence import import_quietly

SIZE = 128
BATCH = 4
PEAK_RATE = 1e-3
WARM_UP = 0.1
"""Part of the training in which the learning rate rises to its peak."""
LARGEST_GRADIENT = 10.0

# A digit's box has a side of 14 to 45 pixels (the root of its area) and is about 0.7 times as wide
# as high: three anchors around each place of P3 and P4 overlap all but one in 300 by half or more.
# P5 to P7 belong to RetinaNet and find nothing here.
STRIDES = [8, 16, 32, 64, 128]
ANCHOR_SIDES = [20.0, 40.0, 80.0, 160.0, 320.0]
ANCHOR_SCALES = [1.0, 1.26, 1.59]
ANCHOR_SHAPES = [0.7]

LEAST_SCORE = 0.05
"""Detections below it are not worth counting; average precision looks at all above."""
DRAWN_SCORE = 0.4
ROWS, COLUMNS = 3, 4
TRUE: dict[str, Any] = {"color": "white", "linewidth": 2.6}
FOUND: dict[str, Any] = {"color": "#D55E00", "linewidth": 1.2}


def build_detector() -> Any:
    """An untrained RetinaNet on a narrow ParNet-S; boxes are left, top, right, bottom in pixels."""
    import keras
    import keras_cv

    spec = registry.get("parnet_s").scaled(
        width=0.25, resolution=SIZE, final_channels=256, name="parnet_digits"
    )
    backbone = spec.build(image_shape=(SIZE, SIZE, 3))
    anchors = len(ANCHOR_SCALES) * len(ANCHOR_SHAPES)
    # At first every anchor says "nothing here" with 99%: most of them are right, and the few others
    # are not drowned by their loss.
    nothing = keras.initializers.Constant(-math.log(99))
    head = keras_cv.models.retinanet.PredictionHead
    return keras_cv.models.RetinaNet(
        backbone=backbone,
        num_classes=CLASSES,
        bounding_box_format="xyxy",
        anchor_generator=anchor_generator(),
        # Its own heads are three convolutions deep, for photographs of 80 kinds of things.
        classification_head=head(anchors * CLASSES, nothing, num_conv_layers=1),
        box_head=head(anchors * 4, keras.initializers.Zeros(), num_conv_layers=1),
        prediction_decoder=keras_cv.layers.NonMaxSuppression(
            "xyxy",
            from_logits=True,
            iou_threshold=0.5,
            confidence_threshold=LEAST_SCORE,
            max_detections=40,
        ),
    )


def anchor_generator() -> Any:
    """The boxes from which the detector's are shifted and stretched."""
    import keras_cv

    return keras_cv.layers.AnchorGenerator(
        "xyxy",
        sizes=ANCHOR_SIDES,
        scales=ANCHOR_SCALES,
        aspect_ratios=ANCHOR_SHAPES,
        strides=STRIDES,
    )


def batches(scenes: Scenes) -> Any:
    """Shuffled pictures and their boxes, as keras-cv takes them."""
    import tensorflow as tf

    labels = {"boxes": scenes.boxes, "classes": scenes.classes.astype(np.float32)}
    data = tf.data.Dataset.from_tensor_slices((scenes.images, labels)).shuffle(len(scenes.images))
    data = data.batch(BATCH, drop_remainder=True)
    return data.map(lambda images, boxes: (tf.cast(images, tf.float32) / 255, boxes)).prefetch(2)


def train(
    detector: Any, scenes: Scenes, epochs: int, report: Callable[[str], None]
) -> list[dict[str, float]]:
    """Fit the detector; the losses of each epoch."""
    import keras

    steps = epochs * (len(scenes.images) // BATCH)
    taken = iter(range(steps))
    optimizer = keras.optimizers.Adam(PEAK_RATE, global_clipnorm=LARGEST_GRADIENT)
    # Built now, it is traced once; built in the first step, Keras traces that step twice (10 s).
    optimizer.build(detector.trainable_variables)
    detector.compile(
        box_loss="smoothl1", classification_loss="focal", optimizer=optimizer, jit_compile=False
    )

    # A schedule of Keras would be drawn into the graph once for each of the 200 variables.
    def set_rate(batch: int, logs: Any = None) -> None:
        del batch, logs
        optimizer.learning_rate.assign(rate(next(taken), steps))

    def tell(epoch: int, logs: dict[str, float]) -> None:
        losses = (
            f"box loss {logs['box_loss']:.3f}, classification {logs['classification_loss']:.3f}"
        )
        report(f"epoch {epoch + 1} of {epochs}: {losses}")

    watch = keras.callbacks.LambdaCallback(on_train_batch_begin=set_rate, on_epoch_end=tell)
    history = detector.fit(
        batches(scenes), epochs=epochs, callbacks=[watch], shuffle=False, verbose=0
    ).history
    names = ("loss", "box_loss", "classification_loss")
    return [{name: history[name][epoch] for name in names} for epoch in range(epochs)]


def rate(step: int, steps: int) -> float:
    """The learning rate: a linear rise, then half a cosine down to zero."""
    rise = max(1, round(WARM_UP * steps))
    if step < rise:
        return PEAK_RATE * (step + 1) / rise
    return PEAK_RATE * 0.5 * (1 + math.cos(math.pi * (step - rise) / (steps - rise)))


def find(detector: Any, scenes: Scenes) -> list[Detections]:
    """What the detector sees in each picture."""
    found = detector.predict(scenes.images.astype(np.float32) / 255, verbose=0)
    return [
        Detections(boxes[:count], classes[:count], scores[:count])
        for boxes, classes, scores, count in zip(
            *(found[key] for key in ("boxes", "classes", "confidence", "num_detections")),
            strict=True,
        )
    ]


def truth(scenes: Scenes) -> list[Boxes]:
    """What is in each picture."""
    return [
        Boxes(boxes[classes >= 0], classes[classes >= 0])
        for boxes, classes in zip(scenes.boxes, scenes.classes, strict=True)
    ]


def precision(detector: Any, scenes: Scenes) -> dict[str, float]:
    """COCO's mAP (of thresholds 0.5 to 0.95), and AP50 and AP75 of one."""
    table = average_precision(truth(scenes), find(detector, scenes))
    return {
        "map": float(np.mean([table[threshold] for threshold in THRESHOLDS])),
        "ap50": table[0.5],
        "ap75": table[0.75],
    }


def draw(detector: Any, scenes: Scenes, path: Path) -> None:
    """Draw the boxes of the first pictures, true ones and found ones, into a PNG."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    figure = Figure(figsize=(2.6 * COLUMNS, 2.6 * ROWS + 0.4), layout="constrained")
    cells = figure.subplots(ROWS, COLUMNS, squeeze=False).flatten()
    for axes in cells:
        axes.set_axis_off()
    pictures = zip(scenes.images, truth(scenes), find(detector, scenes), strict=True)
    for axes, (image, real, found) in zip(cells, pictures, strict=False):
        axes.imshow(image)
        axes.autoscale(enable=False)
        for box in real.boxes:
            _frame(axes, box, TRUE)
        for box, label, score in zip(found.boxes, found.classes, found.scores, strict=True):
            if score >= DRAWN_SCORE:
                _frame(axes, box, FOUND)
                _label(axes, box, f"{int(label)}  {score:.2f}")
    lines = [Line2D([], [], **style) for style in (TRUE, FOUND)]
    names = ["where a digit is", f"found, with its score (from {DRAWN_SCORE})"]
    legend = figure.legend(lines, names, loc="outside upper center", ncols=2, labelcolor="white")
    legend.get_frame().set(facecolor="#555555", edgecolor="none")
    figure.savefig(path, format="png", dpi=110)


def _frame(axes: Any, box: Any, style: dict[str, Any]) -> None:
    left, top, right, bottom = box - 0.5  # pixel 0 is drawn from -0.5 to 0.5
    axes.plot([left, right, right, left, left], [top, top, bottom, bottom, top], **style)


def _label(axes: Any, box: Any, text: str) -> None:
    axes.text(
        box[0],
        box[1],
        text,
        size=7,
        color="white",
        va="bottom",
        bbox={"facecolor": FOUND["color"], "edgecolor": "none", "pad": 1},
    )


def main(
    epochs: Annotated[int, typer.Option(min=1, help="Times to see every picture.")] = 4,
    pictures: Annotated[int, typer.Option(min=BATCH, help="Pictures to train on.")] = 2500,
    test_pictures: Annotated[int, typer.Option(min=1, help="Pictures to measure on.")] = 300,
    out: Annotated[
        Path, typer.Option(file_okay=False, help="Folder for the detector and the drawing.")
    ] = Path("digit_detector"),
    seed: Annotated[int, typer.Option(min=0, help="Of pictures, weights and their order.")] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The result as one JSON object.")] = False,
) -> None:
    """Train a RetinaNet on a ParNet backbone to find handwritten digits; measure and draw it."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise typer.BadParameter(f"{out} cannot be made: {error.strerror}") from error
    # Even TensorFlow's errors: one says of each training that a kernel is replaced by a slower one.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import_quietly()
    # keras-cv feeds its networks a plain batch where Keras expects a dictionary with one entry.
    warnings.filterwarnings("ignore", message="The structure of `inputs` doesn't match")
    result = run(epochs, pictures, test_pictures, out, seed, lambda line: _say(line, quiet))
    typer.echo(json.dumps(result) if as_json else _summary(result))


def run(
    epochs: int,
    pictures: int,
    test_pictures: int,
    out: Path,
    seed: int,
    report: Callable[[str], None],
) -> dict[str, Any]:
    """All of it: compose, train, measure, draw, save."""
    import keras

    wall, cpu = time.perf_counter(), time.process_time()
    keras.utils.set_random_seed(seed)
    report(f"composing {pictures} pictures to train on and {test_pictures} to measure on")
    scenes = scattered_digits(pictures, "train", seed=seed, size=SIZE)
    unseen = scattered_digits(test_pictures, "test", seed=seed, size=SIZE)
    detector = build_detector()
    report(f"training {detector.count_params():,} parameters; the first step takes half a minute")
    losses = train(detector, scenes, epochs, report)
    result = {
        **precision(detector, unseen),
        "losses": losses,
        "seconds": time.perf_counter() - wall,
        "cpu_seconds": time.process_time() - cpu,
        "drawing": str(out / "detections.png"),
        "detector": str(out / "detector.keras"),
    }
    draw(detector, unseen, out / "detections.png")
    detector.save(out / "detector.keras")
    return result


def _say(line: str, quiet: bool) -> None:
    if not quiet:
        typer.echo(line, err=True)


def _summary(result: dict[str, Any]) -> str:
    return (
        f"mAP {result['map']:.3f}, AP50 {result['ap50']:.3f}, AP75 {result['ap75']:.3f}"
        f" on pictures with unseen digits, after {result['seconds']:.0f} s"
        f" ({result['cpu_seconds']:.0f} s of CPU time)\n"
        f"detector: {result['detector']}\ndrawing: {result['drawing']}"
    )


if __name__ == "__main__":
    typer.run(main)
