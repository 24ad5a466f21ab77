"""A list of paths and labels becomes splits, and all that is wrong with it is told at once."""

import csv
import json
import random
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parnet_zoo.data.folder import ImageFolder, scan
from parnet_zoo.data.sources.manifest_rows import MOST_COLUMNS
from parnet_zoo.data.sources.text_lines import LONGEST_LINE
from parnet_zoo.errors import DataError, ParnetZooError, UsageError
from tests.test_data_folder import fill

FORMATS = ("csv", "tsv", "jsonl")
Row = tuple[str, str] | tuple[str, str, str]


def write(path: Path, rows: Sequence[Row], columns: str = "path label split") -> Path:
    """Write rows as the path's suffix says."""
    names = columns.split()[: len(rows[0])]
    if path.suffix == ".jsonl":
        lines = [json.dumps(dict(zip(names, row, strict=True))) for row in rows]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter="\t" if path.suffix == ".tsv" else ",")
        writer.writerows([names, *rows])
    return path


def images(folder: Path, count: int = 12, labels: Sequence[str] = ("cat", "dog")) -> list[Row]:
    """Files in a folder, in no order, and a label for each."""
    fill(folder, {"photos": count})
    return [(f"photos/{n:03d}.jpg", labels[n % len(labels)]) for n in reversed(range(count))]


def everything(found: ImageFolder) -> dict[str, list[tuple[str, str]]]:
    splits = (found.train, found.validation, found.test)
    return {
        split.name: [
            (path.name, found.classes[label])
            for path, label in zip(split.paths, split.labels, strict=True)
        ]
        for split in splits
        if split is not None
    }


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_image_is_in_one_split_with_its_label_and_classes_are_sorted(
    tmp_path: Path, suffix: str
) -> None:
    rows = images(tmp_path, 30, labels=("zebra", "Bee", "ant"))
    found = scan(write(tmp_path / f"list.{suffix}", rows), validation=0.2, seed=3)
    assert found.classes == ("Bee", "ant", "zebra")
    assert found.test is not None
    assert [len(split) for split in (found.train, found.validation, found.test)] == [21, 6, 3]
    named = [image for split in everything(found).values() for image in split]
    assert sorted(named) == sorted((Path(path).name, label) for path, label, *_ in rows)
    assert all((tmp_path / str(path)).is_file() for path in found.train.paths)
    assert found.test.origin == "10% of each class of the list, drawn by seed 3"
    assert found.train.origin == "what is left of the list"


def test_all_formats_give_the_same(tmp_path: Path) -> None:
    rows = images(tmp_path, 40)
    found = [
        scan(write(tmp_path / f"list.{suffix}", rows), validation=0.2, seed=3) for suffix in FORMATS
    ]
    assert everything(found[0]) == everything(found[1]) == everything(found[2])
    assert found[0].digest == found[1].digest == found[2].digest


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_splits_of_the_list_are_used(tmp_path: Path, suffix: str) -> None:
    names = ("train", "test", "validation", "train", "train", "train")
    rows = [(*row[:2], names[n // 2 % 6]) for n, row in enumerate(images(tmp_path, 24))]
    path = write(tmp_path / f"list.{suffix}", rows)
    found = scan(path, validation=0.5, seed=0)
    for split in everything(found):
        expected = {Path(row[0]).name for row in rows if row[2] == split}
        assert {name for name, _ in everything(found)[split]} == expected
    assert found.test is not None
    assert found.validation.origin == "the lines with split validation"
    assert found.test.origin == "the lines with split test"
    as_the_blog_does = scan(path, validation="test", seed=0)
    assert as_the_blog_does.test_is_validation
    with pytest.raises(UsageError, match=r"data\.test: 0\.1 .* \(the lines with split test\)"):
        scan(path, validation=0.5, test=0.1, seed=0)
    with pytest.raises(DataError, match="has no line with the split exam; it has"):
        scan(path, validation=0.5, test="exam", seed=0)


def test_a_list_without_validation_images_has_them_split_off_the_training_images(
    tmp_path: Path,
) -> None:
    rows = [(*row[:2], "test" if n < 4 else "train") for n, row in enumerate(images(tmp_path, 24))]
    found = scan(write(tmp_path / "list.csv", rows), validation=0.2, seed=0)
    assert found.test is not None
    assert [len(split) for split in (found.train, found.validation, found.test)] == [16, 4, 4]
    assert found.train.origin == "what is left of the lines with split train"
    only_train = scan(
        write(tmp_path / "list.csv", [(*row[:2], "train") for row in rows]), validation=0.2, seed=0
    )
    assert only_train.test is None


def test_a_byte_order_mark_line_ends_of_windows_and_empty_lines_are_accepted(
    tmp_path: Path,
) -> None:
    rows = images(tmp_path, 24)
    plain = scan(write(tmp_path / "list.csv", rows), validation=0.2, seed=0)
    for suffix in FORMATS:
        path = write(tmp_path / f"list.{suffix}", rows)
        text = path.read_bytes().replace(b"\r\n", b"\n")
        path.write_bytes(b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n\r\n"))
        assert scan(path, validation=0.2, seed=0).digest == plain.digest


def test_columns_may_come_in_any_order_among_others_and_in_any_case(tmp_path: Path) -> None:
    lines = [f'"a, b",{label} ,7,  {path}' for path, label, *_ in images(tmp_path, 24)]
    (tmp_path / "list.csv").write_text("\n".join([" note,Label,n, PATH", *lines]))
    found = scan(tmp_path / "list.csv", validation=0.2, seed=0)
    assert found.classes == ("cat", "dog")


def test_paths_may_be_absolute_and_the_list_may_be_moved_with_relative_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    rows = images(here, 24)
    found = scan(write(here / "list.csv", rows), validation=0.2, seed=0)
    here.rename(tmp_path / "there")
    moved = scan(tmp_path / "there/list.csv", validation=0.2, seed=0)
    assert moved.digest == found.digest
    absolute = [(str(tmp_path / "there" / path), label) for path, label, *_ in rows]
    elsewhere = scan(write(tmp_path / "list.csv", absolute), validation=0.2, seed=0)
    assert all(Path(str(path)).is_absolute() for path in elsewhere.train.paths)
    monkeypatch.chdir(tmp_path / "there")
    assert scan(Path("list.csv"), validation=0.2, seed=0).digest == found.digest


def test_labels_that_are_numbers_are_texts_as_they_are_written(tmp_path: Path) -> None:
    paths = [path for path, *_ in images(tmp_path, 16)]
    labels = ["1", "1.0", "1e3", "-7"] * 4
    lines = [
        f'{{"path": "{path}", "label": {label}}}' for path, label in zip(paths, labels, strict=True)
    ]
    (tmp_path / "list.jsonl").write_text("\n".join(lines))
    found = scan(tmp_path / "list.jsonl", validation=0.2, seed=0)
    assert found.classes == ("-7", "1", "1.0", "1e3")
    rows: list[Row] = [(path, f"00{label}") for path, label in zip(paths, labels, strict=True)]
    found = scan(write(tmp_path / "list.csv", rows), validation=0.2, seed=0)
    assert found.classes == ("00-7", "001", "001.0", "001e3")


def test_the_digest_sees_split_path_label_and_size_and_nothing_else(tmp_path: Path) -> None:
    rows = [(*row[:2], ("train", "test")[n % 6 // 4]) for n, row in enumerate(images(tmp_path, 24))]

    def digest(rows: Sequence[Row]) -> str:
        return scan(write(tmp_path / "list.csv", rows), validation=0.2, seed=0).digest

    first = digest(rows)
    assert digest(rows[::-1]) == first
    assert digest([(f"./photos/..//{row[0]}", *row[1:]) for row in rows]) == first
    assert rows[0][1] == "dog"
    other_label = [(rows[0][0], "cat", rows[0][2]), *rows[1:]]
    other_split = [(*rows[0][:2], "test"), *rows[1:]]
    seen = {first, digest(other_label), digest(other_split)}
    seen.add(digest([(path, label.replace("dog", "dot"), split) for path, label, split in rows]))
    (tmp_path / "photos/003.jpg").write_text("longer than before")
    assert len(seen | {digest(rows)}) == 5


def test_all_mistakes_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    images(tmp_path, 9)
    (tmp_path / "list.csv").write_text(
        "path,label,split\n"
        "photos/000.jpg,cat,train\n"
        "photos/nowhere.jpg,cat,train\n"
        "photos/001.jpg,,train\n"
        "photos/002.jpg,cat,exam\n"
        "photos/000.jpg,dog,train\n"
        "./photos//000.jpg,cat,test\n"
        "photos/000.jpg,cat,train\n"
        "photos/003.jpg,cat\n"
        "photos/004.jpg,cat,\n"
        ",cat,train\n"
        "photos,cat,train\n"
        "photos/005.jpg,b\x07d,train\n"
        f"photos/006.jpg,{'x' * 256},train\n"
        "photos/\x00.jpg,cat,train\n"
    )
    with pytest.raises(DataError) as caught:
        scan(tmp_path / "list.csv", validation=0.1, seed=0)
    expected = [
        (3, f"there is no file {tmp_path}/photos/nowhere.jpg"),
        (4, "the label is empty"),
        (5, "the split 'exam' does not fit; allowed are train, validation, test"),
        (6, "photos/000.jpg is dog here, and cat in line 2"),
        (7, "./photos//000.jpg is in test here, and in train in line 2"),
        (8, "photos/000.jpg is in line 2 already"),
        (9, "2 columns, where the first line has 3"),
        (10, "no split here, while line 2 has a split; give every line a split, or none"),
        (11, "the path is empty"),
        (12, f"{tmp_path}/photos is no file"),
        (13, r"the label 'b\x07d' has control characters"),
        (14, "the label is longer than 255 characters"),
        (15, r"photos/\x00.jpg cannot be found: this is no path"),
    ]
    assert str(caught.value).splitlines() == [
        f"{tmp_path}/list.csv:{line}: {message}" for line, message in expected
    ]


def test_mistakes_of_json_lines_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    images(tmp_path, 9)
    (tmp_path / "list.jsonl").write_text(
        '{"path": "photos/000.jpg", "label": "cat"}\n'
        "\n"
        '{"path": "photos/001.jpg" "label": "cat"}\n'
        '["photos/001.jpg", "cat"]\n'
        '{"path": "photos/001.jpg"}\n'
        '{"path": "photos/001.jpg", "label": null}\n'
        '{"path": "photos/001.jpg", "label": true}\n'
        '{"path": "photos/001.jpg", "label": "cat", "label": "dog"}\n'
        '{"path": "photos/001.jpg", "label": "cat", "split": "train"}\n'
        '{"path": "photos/\\ud800.jpg", "label": "cat"}\n'
        '{"path": "photos/001.jpg", "label": "\\ud800"}\n' + "[" * 9000 + "\n"
    )
    with pytest.raises(DataError) as caught:
        scan(tmp_path / "list.jsonl", validation=0.1, seed=0)
    expected = [
        (3, "this is no JSON object: Expecting ',' delimiter at column 27"),
        (4, 'this is no JSON object such as {"path": "a.jpg", "label": "cat"}'),
        (5, "no label"),
        (6, "label must be a text"),
        (7, "label must be a text"),
        (8, "this is no JSON object: a key is in it twice"),
        (9, "the split train here, while line 1 has none; give every line a split, or none"),
        (10, r"photos/\ud800.jpg cannot be found: this is no path"),
        (11, r"the label '\ud800' has control characters"),
        (12, "this is no JSON object: it is too deep"),
    ]
    assert str(caught.value).splitlines() == [
        f"{tmp_path}/list.jsonl:{line}: {message}" for line, message in expected
    ]


def test_twenty_mistakes_are_shown_and_the_others_counted(tmp_path: Path) -> None:
    rows: list[Row] = [(f"gone/{n}.jpg", "cat") for n in range(57)]
    with pytest.raises(DataError) as caught:
        scan(write(tmp_path / "list.csv", rows), validation=0.1, seed=0)
    lines = str(caught.value).splitlines()
    assert len(lines) == 21
    assert lines[19].startswith(f"{tmp_path}/list.csv:21: ")
    assert lines[20] == "and 37 more"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "file,class\na.jpg,cat\n",
            "1: there is no columns? path and label; .* it has file, class$",
        ),
        ("path;label\na.jpg;cat\n", "1: .* separated by commas .*, not by ';'"),
        ("path,label,Label\n", "1: two columns are called label"),
        ("path,label," + "x," * MOST_COLUMNS, f"1: {MOST_COLUMNS + 3} columns; at most"),
        ("path,label\n" + "x" * LONGEST_LINE + "\n", "2: the line is longer than"),
        ('path,label\na.jpg,"cat" dog\n', "2: this is no CSV: "),
        ('path,label\na.jpg,"cat\n', "2: this is no CSV: unexpected end of data"),
        ("", "lists no images"),
        ("path,label\n", "lists no images"),
        ("path,label,split\na.jpg,cat,test\n", "has no line with the split train"),
        ("path,label\na.jpg,cat\nb.jpg,cat\n", "has one class only, cat"),
        ("path,label\na.jpg,cat\nb.jpg,dog\n", "class cat in .* has one image only"),
    ],
)
def test_a_list_that_cannot_be_used_is_told_why(tmp_path: Path, text: str, message: str) -> None:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).touch()
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        scan(tmp_path / "list.csv", validation=0.1, seed=0)


def test_a_file_that_is_no_utf8_is_told_with_the_line(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    (tmp_path / "list.csv").write_bytes(b"path,label\na.jpg,cat\nb.jpg,caf\xe9\n")
    with pytest.raises(DataError, match=r"list\.csv:3: this is no text in UTF-8; save the file as"):
        scan(tmp_path / "list.csv", validation=0.1, seed=0)
    (tmp_path / "list.csv").write_text("path,label\n", encoding="utf-16")
    with pytest.raises(DataError, match=r"list\.csv:1: this is no text in UTF-8"):
        scan(tmp_path / "list.csv", validation=0.1, seed=0)


def test_classes_that_differ_between_the_splits_are_told(tmp_path: Path) -> None:
    plain = images(tmp_path, 24)
    rows: list[Row] = [(*row[:2], "train") for row in plain[4:]]
    rows += [(row[0], "cow", "test") for row in plain[:4]]
    with pytest.raises(DataError) as caught:
        scan(write(tmp_path / "list.csv", rows), validation=0.1, seed=0)
    path = tmp_path / "list.csv"
    assert str(caught.value) == (
        f"the classes of {path} (split test) and {path} (split train) differ (only in train: cat,"
        " dog; only in test: cow)"
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a hundred files."""
    return fill(tmp_path_factory.mktemp("files"), {"photos": 100})


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(3, 25), min_size=2, max_size=4),
    validation=st.floats(0.01, 0.49),
    test=st.floats(0.01, 0.49),
    seed=st.integers(-5, 2**40),
    order=st.randoms(use_true_random=False),
)
def test_splits_are_stratified_disjoint_complete_seeded_and_independent_of_order(
    files: Path, sizes: list[int], validation: float, test: float, seed: int, order: random.Random
) -> None:
    labels = [f"c{n}" for n, size in enumerate(sizes) for _ in range(size)]
    rows: list[Row] = [(f"photos/{n:03d}.jpg", label) for n, label in enumerate(labels)]
    found = scan(write(files / "l.csv", rows), validation=validation, test=test, seed=seed)
    parts = everything(found)
    together = [image for part in parts.values() for image in part]
    assert sorted(together) == sorted((Path(path).name, label) for path, label, *_ in rows)
    assert found.test is not None
    for name, size in zip(found.classes, sizes, strict=True):
        held = min(max(round(test * size), 1), size - 2)
        assert found.test.counts(found.classes)[name] == held
        count = found.validation.counts(found.classes)[name]
        assert count == min(max(round(validation * size), 1), size - held - 1)
    order.shuffle(rows)
    again = scan(write(files / "l.csv", rows), validation=validation, test=test, seed=seed)
    assert everything(again) == parts
    assert again.digest == found.digest


def test_another_seed_gives_other_splits(files: Path) -> None:
    rows: list[Row] = [(f"photos/{n:03d}.jpg", "ab"[n % 2]) for n in range(100)]
    path = write(files / "list.csv", rows)
    first, second = (everything(scan(path, validation=0.2, seed=seed)) for seed in (1, 2))
    assert first["validation"] != second["validation"]
    assert first["test"] != second["test"]


@settings(max_examples=100, deadline=None)
@given(
    suffix=st.sampled_from(FORMATS),
    content=st.one_of(
        st.binary(max_size=200),
        st.lists(
            st.sampled_from(
                [b"path,label,split", b"photos/001.jpg", b",", b"\t", b"cat", b"\n", b'"', b"\0",
                 b"\xff", b'{"path":', b'"photos/002.jpg"', b'"label":', b"1e999", b"NaN", b"}",
                 b"train", b"\r"],
            ),
            max_size=30,
        ).map(b"".join),
    ),
)  # fmt: skip
def test_no_list_breaks_the_reader(files: Path, suffix: str, content: bytes) -> None:
    path = files / f"fuzz.{suffix}"
    path.write_bytes(content)
    with suppress(ParnetZooError):
        scan(path, validation=0.1, seed=0)


def test_a_list_is_read_as_it_is_needed(tmp_path: Path) -> None:
    from parnet_zoo.data.sources.text_lines import text_lines

    (tmp_path / "list.csv").write_bytes(b"first\n" + b"\xff" * 100_000)
    lines = text_lines(tmp_path / "list.csv")
    assert next(lines) == "first\n"
    with pytest.raises(ValueError, match="longer than"):
        next(lines)
