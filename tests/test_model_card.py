"""The model card: what it says, and what no name can make it say."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow import MlflowClient
from pydantic import TypeAdapter

from parnet_zoo.serving.card_facts import CardFacts, ClassFacts, FileFacts, SplitFacts
from parnet_zoo.serving.markdown import markdown_code, markdown_table, markdown_text
from parnet_zoo.serving.model_card import card_description, model_card
from tests.conftest import Done, user_environment

URI = "models:/pets/3"
FACTS = CardFacts(
    name="pets",
    run_id="0123456789abcdef0123456789abcdef",
    backbone="parnet_s",
    family="parnet",
    source="Non-deep Networks",
    paper="https://arxiv.org/abs/2110.07641",
    limits="",
    parameters=19_000_000,
    multiply_adds=4_840_000_000,
    resolution=224,
    resize="stretch",
    recipe="dogcat",
    recipe_digest="a" * 64,
    description="Dogs and cats",
    settings=(("epochs", "40"), ("optimiser", "adamw at 0.001")),
    smoke=False,
    limit=None,
    data="pets",
    data_digest="b" * 64,
    splits=(
        SplitFacts("train", 9000, 7, "what is left of folder train"),
        SplitFacts("validation", 1000, 0, "10% of each class of folder train, drawn by seed 0"),
        SplitFacts("test", 500, 1, "folder test"),
    ),
    test_is_validation=False,
    classes=(
        ClassFacts("cat", (4500, 500, 250), 0.91, 0.92, 0.915),
        ClassFacts("dog", (4500, 500, 250), 0.93, 0.94, 0.935),
    ),
    judged="test",
    metrics={
        "test_accuracy": 0.9321,
        "best_val_accuracy": 0.9412,
        "test_ece": 0.0312,
        "temperature": 1.25,
        "test_flip_accuracy": 0.9401,
        "latency_ms": 12.34,
        "deploy_max_probability_difference": 4.2e-7,
        "test_loss": None,
    },
    machine="2 processors, a CPU",
    files=(FileFacts("model.onnx", "c" * 64, 1234), FileFacts("classifier.json", "d" * 64, 56)),
    versions=(("python", "3.11.7"), ("mlflow", "3.17.2")),
    trained="2026-11-24",
)


def tables(card: str) -> list[list[list[str]]]:
    """The cells of each table, as GitHub's Markdown splits them."""
    found: list[list[list[str]]] = [[]]
    for line in card.splitlines():
        if line.startswith("|"):
            found[-1].append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
        elif found[-1]:
            found.append([])
    return [table for table in found if table]


def named(card: str, title: str) -> list[list[str]]:
    """The rows of the table whose first columns have these titles."""
    [table] = [rows for rows in tables(card) if ", ".join(rows[0]).startswith(title)]
    return table[2:]


def test_the_card_says_what_it_is_what_of_what_for_and_how_good() -> None:
    card = model_card(FACTS, URI)
    assert card.startswith("# Model card: pets\n")
    for words in (
        "2 classes", "parnet\\_s", "Non-deep Networks", "<https://arxiv.org/abs/2110.07641>",
        "Dogs and cats", "19.00 M parameters", "4.840 G multiply-adds", "224 px",
        "licence: to be stated", "b" * 64, "a" * 64, "2 processors, a CPU", "mlflow 3.17.2",
    ):  # fmt: skip
        assert words in card, words
    headings = re.findall("^## (.*)$", card, re.MULTILINE)
    assert headings == [
        "Model details", "How to use it", "Intended use and limits", "Results", "Data", "Training",
        "Files and versions",
    ]  # fmt: skip
    results = dict(named(card, "measure"))
    assert results["test accuracy"] == "0.9321"
    assert results["calibration error (ECE, 15 bins)"] == "0.0312"
    assert results["temperature, fitted on the validation images"] == "1.250"
    assert results["test accuracy, averaged with the mirror image"] == "0.9401"
    assert results["one image, median, ms"] == "12.34"
    assert results["trained form against served form, a probability"] == "4.2e-07"
    assert "test log loss" not in results
    assert named(card, "class, precision")[0] == ["cat", "0.9100", "0.9200", "0.9150"]
    assert named(card, "class, train") == [["cat", "4,500", "500", "250"],
                                           ["dog", "4,500", "500", "250"]]  # fmt: skip
    assert named(card, "split")[0] == ["train", "9,000", "7", "what is left of folder train"]
    assert ["`model.onnx`", "1,234", f"`{'c' * 64}`"] in named(card, "file")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"smoke": True, "limit": 8}, "it has learnt nothing"),
        ({"limit": 400}, "a part of the images only (`data.limit: 400`)"),
        ({"test_is_validation": True}, "The test images are the validation images"),
        ({"splits": FACTS.splits[:2], "judged": "validation"}, "There were no test images"),
        ({"splits": (*FACTS.splits[:2], SplitFacts("test", 30, 2, ""))}, "of 28 images only"),
        ({"classes": (ClassFacts("cat", (9, 1, 1), 1, 1, 1),)}, "fewer than 50 training images"),
        ({"limits": "it has no deploy form"}, "it has no deploy form"),
    ],
)
def test_what_is_wrong_with_a_model_is_said_where_it_is_so(
    changes: dict[str, object], sentence: str
) -> None:
    assert sentence not in model_card(FACTS, URI)
    assert sentence in model_card(replace(FACTS, **changes), URI)  # type: ignore[arg-type] # a table of fields


def test_every_card_says_that_the_classes_are_closed_and_nothing_else_is_detected() -> None:
    card = model_card(FACTS, URI)
    assert "The set of classes is closed" in card
    assert "Nothing detects such pictures" in card


def test_a_thousand_classes_are_their_ends() -> None:
    classes = tuple(
        ClassFacts(f"n{number:04d}", (number, 5, 5), 0.5, 0.5, number / 1000)
        for number in range(1000)
    )
    card = model_card(replace(FACTS, classes=classes), URI)
    assert [row[0] for row in named(card, "class, precision")] == [
        f"n{number:04d}" for number in (*range(10), *range(990, 1000))
    ]
    assert [row[0] for row in named(card, "class, train")][:2] == ["n0999", "n0998"]
    assert "worst and the 10 best of 1000 classes" in card
    assert len(card) < 12_000


def test_the_facts_survive_a_file() -> None:
    adapter = TypeAdapter(CardFacts)
    assert adapter.validate_json(adapter.dump_json(FACTS)) == FACTS


HOSTILE = [
    "a|b", "`rm -rf`", "<img src=x onerror=alert(1)>", "[x](http://evil.example)", "**b**",
    "two\nlines", "&lt;", "\\", "\\|", "www.evil.example", "http://evil.example", "a@evil.example",
    "~~~", "| --- |", "$x$", "\u202eevil", "![x](y)", "", " ", "\udcff", "# h", "1. x", "- x",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_hostile_name_is_text_in_one_cell(name: str) -> None:
    text = markdown_text(name)
    assert "\n" not in text
    text.encode()
    bare = re.sub(r"\\[!-/:-@\[-`{-~]", "", text)  # what is left without escaped punctuation
    assert not re.search(r"[\\`*_\[\]<>|&~$@!#()]|://|www\.|[\u202a-\u202e]|^[-+=]|^\d[.)]", bare)
    classes = (ClassFacts(name, (1, 1, 1), 0.5, 0.5, 0.5), FACTS.classes[1])
    card = model_card(replace(FACTS, classes=classes, description=name, data=name), URI)
    assert [len(row) for row in named(card, "class, precision")] == [4, 4]
    assert [len(row) for row in named(card, "class, train")] == [4, 4]
    assert [line for line in card.splitlines() if line.startswith("#")] == [
        line for line in model_card(FACTS, URI).splitlines() if line.startswith("#")
    ]


@given(st.text(max_size=150))
def test_no_text_leaves_its_cell(text: str) -> None:
    [line] = markdown_table(("a", "b"), [(markdown_text(text), "1")])[2:]
    assert len(line.splitlines()) == 1
    assert [len(row) for row in tables(line)[0]] == [2]
    line.encode()


@given(st.lists(st.text(alphabet="`ab", max_size=8), max_size=4))
def test_no_code_ends_its_block(lines: list[str]) -> None:
    first, *inside, last = markdown_code("text", lines)
    assert inside == lines
    assert first == f"{last}text"
    assert not any(line.startswith(last) for line in inside)


def test_long_names_are_cut() -> None:
    assert len(markdown_text("x" * 5000)) == 100


def test_the_description_is_the_card_or_whole_sections_of_it() -> None:
    card = model_card(FACTS, URI)
    assert card_description("short\n") == "short\n"
    many = tuple(ClassFacts(f"c{n}" * 10, (9, 9, 9), 0.5, 0.5, 0.5) for n in range(30))
    long = model_card(replace(FACTS, classes=many), URI)
    cut = card_description(long)
    assert len(cut) <= 5000 < len(long)
    assert cut.endswith("The whole card is README.md among the files of the version.\n")
    assert long.startswith(cut.rpartition("\n\nThe whole card")[0])
    assert "## Intended use and limits" in cut
    assert len(card_description("x" * 9000)) <= 5000
    assert card_description(card).startswith("# Model card: pets")


# --- of a real training ---


def files(done: Done) -> Path:
    client = MlflowClient(tracking_uri=f"sqlite:///{done.folder}/mlflow.db")
    version = client.get_model_version("digits", "1")
    model = client.get_logged_model(version.source.rpartition("/")[2])
    return Path(model.artifact_location.removeprefix("file://"))


def snippets(card: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", card, re.DOTALL | re.MULTILINE)


@pytest.mark.slow
def test_the_card_is_with_the_version_with_the_run_and_in_the_registry(quickstart: Done) -> None:
    client = MlflowClient(tracking_uri=f"sqlite:///{quickstart.folder}/mlflow.db")
    readme = (files(quickstart) / "README.md").read_text()
    run = client.get_run(quickstart.json["run_id"])
    card = (Path(run.info.artifact_uri.removeprefix("file://")) / "model_card.md").read_text()
    description = client.get_model_version("digits", "1").description
    assert "models:/digits/1" in card
    assert "models:/m-" in readme
    assert re.sub(r"models:/m-\w+", "models:/digits/1", readme) == card
    assert description.startswith("# Model card: digits")
    assert description == card_description(card)


@pytest.mark.slow
def test_the_card_tells_what_the_run_reached(quickstart: Done) -> None:
    card = (files(quickstart) / "README.md").read_text()
    metrics = quickstart.json["metrics"]
    results = dict(named(card, "measure"))
    assert results["test accuracy"] == f"{metrics['test_accuracy']:.4f}"
    assert results["one image, median, ms"] == f"{metrics['latency_ms']:.2f}"
    assert len(named(card, "class, train")) == 10
    model = files(quickstart) / "artifacts" / "model"
    for name, size, digest in named(card, "file"):
        content = (model / name.strip("`")).read_bytes()
        assert digest.strip("`") == hashlib.sha256(content).hexdigest()
        assert int(size.replace(",", "")) == len(content)
    assert str(quickstart.folder) not in card
    assert str(Path.home()) not in card


@pytest.mark.slow
def test_the_snippets_of_the_card_run(quickstart: Done, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    shutil.copytree(quickstart.folder, folder)
    picture = next((folder / "datasets/digits/test/7").iterdir())
    shutil.copy(picture, folder / "picture.jpg")
    card = (files(quickstart) / "README.md").read_text()
    predict, _serve, _ask, again = snippets(card, "bash")
    [python] = snippets(card, "python")
    again = again.replace("--data FOLDER", "--data datasets/digits --smoke --json")
    said = []
    for program in (predict, f"python -c '{python.replace(chr(39), chr(34))}'", again):
        done = subprocess.run(
            ["bash", "-ec", program], cwd=folder, env=user_environment(), capture_output=True,
            text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        said.append(done.stdout)
    assert said[0].startswith("picture.jpg\t7\t")
    assert "'label': '7'" in said[1]
    # A smoke run beside a real version gets no alias, and moves none.
    assert json.loads(said[2].splitlines()[-1])["alias"] is None
