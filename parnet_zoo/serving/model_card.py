"""The card that goes with a model: what it is, what it was made of, what it is good for.

The sections are those of Mitchell et al., "Model Cards for Model Reporting", FAT* 2019
(https://arxiv.org/abs/1810.03993), and of Hugging Face's model cards. What decides whether somebody
may use the model comes first: the description of a registered version has room for the head only.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from math import isfinite

from parnet_zoo.serving.card_facts import CardFacts, ClassFacts, SplitFacts
from parnet_zoo.serving.markdown import markdown_code, markdown_table, markdown_text

CLASSES_IN_FULL = 30
"""Up to so many classes each has a row; of more, only the ends are shown."""
_ENDS = 10
_FEW_IMAGES = 50
"""Of a class in training: below it, the card warns."""
_FEW_JUDGED = 100
"""Images that the accuracy is of: likewise."""
_DESCRIPTION_CHARACTERS = 5000
_CUT = "\n\nThe whole card is README.md among the files of the version.\n"

_RESULTS = (
    ("test_accuracy", "test accuracy", ".4f"),
    ("test_top5_accuracy", "test top-5 accuracy", ".4f"),
    ("test_loss", "test log loss", ".4f"),
    ("test_flip_accuracy", "test accuracy, averaged with the mirror image", ".4f"),
    ("best_val_accuracy", "validation accuracy", ".4f"),
    ("val_flip_accuracy", "validation accuracy, averaged with the mirror image", ".4f"),
    ("test_ece", "calibration error (ECE, 15 bins)", ".4f"),
    ("test_ece_calibrated", "calibration error at the temperature below", ".4f"),
    ("temperature", "temperature, fitted on the validation images", ".3f"),
    ("latency_ms", "one image, median, ms", ".2f"),
    ("latency_p95_ms", "one image, 95th percentile, ms", ".2f"),
    ("served_images_per_second", "images a second, in batches", ".1f"),
    ("deploy_max_probability_difference", "trained form against served form, a probability", ".1e"),
)


def model_card(facts: CardFacts, uri: str) -> str:
    """The card in Markdown.

    Args:
        facts: What is known.
        uri: The model's address, for the examples; such as `models:/NAME/VERSION`.
    """
    sections = (
        _head(facts),
        _how_to_call(uri),
        _limits(facts),
        _results(facts),
        _data(facts),
        _training(facts),
        _files(facts),
    )
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def card_description(card: str) -> str:
    """The card, or the sections that it begins with, as long as MLflow's registry takes it.

    Its databases have room for 5,000 characters.
    """
    if len(card) <= _DESCRIPTION_CHARACTERS:
        return card
    head = ""
    for section in card.split("\n\n## "):
        longer = f"{head}\n\n## {section}" if head else section
        if len(longer) + len(_CUT) > _DESCRIPTION_CHARACTERS:
            break
        head = longer
    return (head or card[: _DESCRIPTION_CHARACTERS - len(_CUT)]) + _CUT


def _head(facts: CardFacts) -> Iterator[str]:
    paper = f" ([paper](<{_address(facts.paper)}>))" if facts.paper else ""
    source = f" (source: {markdown_text(facts.source, 300)})" if facts.source else ""
    yield f"# Model card: {markdown_text(facts.name)}"
    yield ""
    yield (
        f"An image classifier with {len(facts.classes)} classes: the network"
        f" {markdown_text(facts.backbone)} of the family {markdown_text(facts.family)}{source}"
        f"{paper}, trained with the recipe {markdown_text(facts.recipe)} on {facts.trained}."
    )
    if facts.description:
        yield ""
        yield f"Its maker says: {markdown_text(facts.description, 1000)}"
    if facts.smoke:
        yield ""
        yield "**This is the result of a smoke run, a trial of all stages: it has learnt nothing.**"
    yield ""
    yield "## Model details"
    yield ""
    yield f"- input: one RGB picture, {_resized(facts)} {facts.resolution} px square"
    yield "- output: a probability for each class, which sum to 1"
    yield f"- size: {_size(facts)}"
    yield "- licence: to be stated by whoever publishes it; those of the images count too"
    yield f"- MLflow run: {markdown_text(facts.run_id)}"


def _how_to_call(uri: str) -> Iterator[str]:
    word = shlex.quote(uri)
    yield "## How to use it"
    yield ""
    yield "With MLflow pointed at the store that has it (`MLFLOW_TRACKING_URI`), on `picture.jpg`:"
    yield ""
    yield from markdown_code("bash", [f"parnet-zoo predict {word} picture.jpg"])
    yield ""
    yield from markdown_code(
        "python",
        [
            "import parnet_zoo",
            "",
            f"classifier = parnet_zoo.load({uri!r})",
            'print(classifier.predict(["picture.jpg"])[0])',
        ],
    )
    yield ""
    yield "As a server, which needs nothing of this project:"
    yield ""
    serve = f"mlflow models serve -m {word} --env-manager local --port 5001"
    yield from markdown_code("bash", [serve])
    yield ""
    yield from markdown_code(
        "bash",
        [
            'image=$(base64 < picture.jpg | tr -d "\\n")',
            'echo "{\\"dataframe_records\\": [{\\"image\\": \\"$image\\"}]}" |',
            "  curl -s http://127.0.0.1:5001/invocations -H 'Content-Type: application/json' -d @-",
        ],
    )


def _limits(facts: CardFacts) -> Iterator[str]:
    yield "## Intended use and limits"
    yield ""
    yield "It sorts pictures like those it was trained with into the classes listed here."
    yield ""
    yield (
        "- The set of classes is closed: a picture of anything else gets one of them too, often"
        " with a high probability. Nothing detects such pictures."
    )
    yield (
        f"- It sees squares of {facts.resolution} px: what is lost when a picture is shrunk is not"
        " there for it."
    )
    yield (
        "- It was judged on images of the same origin as those it was trained with. Other cameras,"
        " light, or regions, and other shares of the classes, were not tried; neither was fairness"
        " towards groups of people, nor resistance to attacks."
    )
    if "temperature" in facts.metrics:
        yield (
            "- The probabilities are served as the network gives them, without the temperature"
            " below."
        )
    for sentence in _warnings(facts):
        yield f"- {sentence}"


def _warnings(facts: CardFacts) -> Iterator[str]:
    """What is special about this one."""
    sizes = {split.name: split.images - split.unreadable for split in facts.splits}
    if facts.smoke:
        yield "It comes from a smoke run: use it for nothing but trying what is around it."
    elif facts.limit is not None:
        yield f"It was trained on a part of the images only (`data.limit: {facts.limit}`)."
    if facts.test_is_validation:
        yield (
            "The test images are the validation images, which chose the best epoch: the accuracy is"
            " better than on new images."
        )
    elif "test" not in sizes:
        yield (
            "There were no test images. The accuracy is of the validation images, which chose the"
            " best epoch: it is better than on new images."
        )
    judged = sizes.get(facts.judged, 0)
    if judged < _FEW_JUDGED:
        yield f"The accuracy is of {judged} images only, so that chance plays a part in it."
    least = min((row.images[0] for row in facts.classes if row.images), default=0)
    if least < _FEW_IMAGES:
        few = sum(1 for row in facts.classes if row.images and row.images[0] < _FEW_IMAGES)
        yield (
            f"{few} of {len(facts.classes)} classes have fewer than {_FEW_IMAGES} training images,"
            f" the smallest {least}."
        )
    if facts.limits:
        yield markdown_text(facts.limits, 500)


def _data(facts: CardFacts) -> Iterator[str]:
    yield "## Data"
    yield ""
    yield f"The images of {markdown_text(facts.data)}, {len(facts.classes)} classes."
    yield ""
    rows = [
        (split.name, f"{split.images:,}", f"{split.unreadable:,}", markdown_text(split.origin, 200))
        for split in facts.splits
    ]
    yield from markdown_table(("split", "images", "unreadable, left out", "origin"), rows)
    yield ""
    yield f"SHA-256 of the images' names and sizes: `{facts.data_digest}`"
    yield ""
    yield from _counts(facts.classes, facts.splits)


def _counts(classes: tuple[ClassFacts, ...], splits: tuple[SplitFacts, ...]) -> Iterator[str]:
    head = ("class", *(split.name for split in splits))
    if len(classes) <= CLASSES_IN_FULL:
        yield from markdown_table(head, map(_count_row, classes))
        return
    by_size = sorted(classes, key=lambda row: row.images[:1])
    yield f"The {_ENDS} largest and the {_ENDS} smallest of {len(classes)} classes:"
    yield ""
    shown = [*reversed(by_size[-_ENDS:]), *reversed(by_size[:_ENDS])]
    yield from markdown_table(head, map(_count_row, shown))


def _count_row(row: ClassFacts) -> tuple[str, ...]:
    return (markdown_text(row.name), *(f"{count:,}" for count in row.images))


def _training(facts: CardFacts) -> Iterator[str]:
    yield "## Training"
    yield ""
    yield (
        f"The recipe {markdown_text(facts.recipe)}, SHA-256 `{facts.recipe_digest}`. To train it"
        " again, with the same images in FOLDER:"
    )
    yield ""
    yield from markdown_code(
        "bash",
        [
            f"mlflow artifacts download --run-id {shlex.quote(facts.run_id)}"
            " --artifact-path recipe.yaml --dst-path .",
            "parnet-zoo train recipe.yaml --data FOLDER",
        ],
    )
    yield ""
    rows = [(markdown_text(name), markdown_text(value)) for name, value in facts.settings]
    yield from markdown_table(("setting", "value"), rows)


def _results(facts: CardFacts) -> Iterator[str]:
    yield "## Results"
    yield ""
    yield f"Measured with the files that are served; the times on {markdown_text(facts.machine)}."
    yield ""
    rows = []
    for name, title, form in _RESULTS:
        value = facts.metrics.get(name)
        if value is not None and isfinite(value):
            rows.append((title, format(value, form)))
    yield from markdown_table(("measure", "value"), rows)
    yield ""
    yield from _per_class(facts)


def _per_class(facts: CardFacts) -> Iterator[str]:
    head = ("class", "precision", "recall", "F1")
    classes = facts.classes
    if len(classes) <= CLASSES_IN_FULL:
        yield f"Each class, on the {facts.judged} images:"
        yield ""
        yield from markdown_table(head, map(_score_row, classes))
        return
    by_f1 = sorted(classes, key=lambda row: row.f1)
    yield f"The {_ENDS} worst and the {_ENDS} best of {len(classes)} classes by F1, on the"
    yield f"{facts.judged} images:"
    yield ""
    yield from markdown_table(head, map(_score_row, [*by_f1[:_ENDS], *by_f1[-_ENDS:]]))


def _score_row(row: ClassFacts) -> tuple[str, ...]:
    scores = (row.precision, row.recall, row.f1)
    return (markdown_text(row.name), *(f"{score:.4f}" for score in scores))


def _files(facts: CardFacts) -> Iterator[str]:
    yield "## Files and versions"
    yield ""
    rows = [(f"`{file.name}`", f"{file.bytes:,}", f"`{file.sha256}`") for file in facts.files]
    yield from markdown_table(("file", "bytes", "SHA-256"), rows)
    yield ""
    made = ", ".join(f"{markdown_text(name)} {markdown_text(v)}" for name, v in facts.versions)
    yield f"Made with {made}."


def _resized(facts: CardFacts) -> str:
    return "stretched to" if facts.resize == "stretch" else "resized and cropped to"


def _size(facts: CardFacts) -> str:
    if facts.parameters is None or facts.multiply_adds is None:
        return "not known"
    return (
        f"{facts.parameters / 1e6:.2f} M parameters in training form,"
        f" {facts.multiply_adds / 1e9:.3f} G multiply-adds an image"
    )


def _address(address: str) -> str:
    """An address inside angle brackets."""
    return "".join(c for c in address if c.isprintable() and c not in "<>\\ ")
