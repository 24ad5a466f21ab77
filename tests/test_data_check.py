"""`data check`: what is wrong with a set of pictures, file by file and as a whole."""

from __future__ import annotations

import csv
import io
import os
import shutil
import struct
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from parnet_zoo.data.check.finding import Finding
from parnet_zoo.data.check.report import CheckReport
from parnet_zoo.errors import DataError, UsageError
from parnet_zoo.training.data_check import check_data
from tests.conftest import Done
from tests.picture_sets import picture, write_set

Run = Callable[..., Done]


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    return write_set(
        tmp_path / "pets", {"train/cat": 6, "train/dog": 6, "test/cat": 2, "test/dog": 2}
    )


def found(report: CheckReport, kind: str) -> list[Finding]:
    return [finding for finding in report.findings if finding.kind == kind]


def names(report: CheckReport, kind: str) -> list[list[str]]:
    return [[report.named(path) for path in finding.paths] for finding in found(report, kind)]


def bomb(side: int) -> bytes:
    """A PNG whose header promises far more pixels than there are bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def test_a_good_set_has_nothing_to_report(pets: Path) -> None:
    report = check_data(pets, quiet=True)
    assert report.counts == {"train": {"cat": 6, "dog": 6}, "test": {"cat": 2, "dog": 2}}
    assert report.images == 16
    assert report.sizes == {"width": (96, 96, 96), "height": (80, 80, 80)}
    assert (report.formats, report.modes) == ({"JPEG": 16}, {"RGB": 16})
    assert report.balance == 1
    assert report.findings == ()


UNREADABLE = {
    "nothing.jpg": ("empty", b"", "the file is empty"),
    "text.jpg": ("unreadable", b"not an image at all", "not a picture in JPEG, PNG"),
    "cut.jpg": ("unreadable", encoded(picture(99), "JPEG")[:-600], "broken or cut off"),
    "bomb.png": ("unreadable", bomb(12_000), "12000 x 12000 pixels, more than 40 million"),
    "huge.png": ("unreadable", bomb(40_000), "too many pixels"),
    "shell.png": ("unreadable", b"#!/bin/sh\nrm -rf /\n", "not a picture"),
    "vector.jpg": ("unreadable", b"%!PS-Adobe-3.0 EPSF-3.0\n", "not a picture"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_training_cannot_read_is_an_error(pets: Path, name: str) -> None:
    kind, data, sentence = UNREADABLE[name]
    (pets / "train" / "cat" / name).write_bytes(data)
    report = check_data(pets, quiet=True)
    (finding,) = [finding for finding in report.findings if finding.severity == "error"]
    assert (finding.kind, report.named(finding.paths[0])) == (kind, f"train/cat/{name}")
    assert sentence in finding.sentence
    assert report.unreadable["train"] == {"cat": 1}
    assert report.counts["train"]["cat"] == 7


def grey_jpeg() -> bytes:
    return encoded(picture(98).convert("L").convert("RGB"), "JPEG")


def turned_jpeg() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(picture(97), "JPEG", exif=exif)


ODD = {
    "wrong.png": ("wrong_extension", encoded(picture(90), "WEBP"), "named .png but is WEBP"),
    "other.png": ("other_extension", encoded(picture(91), "PNG"), ".png among .jpg"),
    "strip.jpg": ("long", encoded(picture(92, (240, 60)), "JPEG"), "as 1 to 4.0"),
    "tiny.jpg": ("small", encoded(picture(93, (20, 20)), "JPEG"), "20 x 20 pixels"),
    "large.jpg": ("very_large", encoded(picture(94, (2000, 1600)), "JPEG"), "long to read"),
    "grey.jpg": ("grey", grey_jpeg(), "though stored in colour"),
    "l.jpg": ("grey", encoded(picture(98).convert("L"), "JPEG"), "and stored so"),
    "cmyk.jpg": ("cmyk", encoded(picture(95).convert("CMYK"), "JPEG"), "CMYK"),
    "clear.png": ("transparent", encoded(picture(96).convert("RGBA"), "PNG"), "laid over white"),
    "few.gif": ("palette", encoded(picture(89), "GIF"), "palette"),
    "film.gif": (
        "animated",
        encoded(picture(88), "GIF", save_all=True, append_images=[picture(87)]),
        "the first is used",
    ),
    "lies.jpg": ("turned", turned_jpeg(), "turned upright"),
    "white.jpg": ("blank", encoded(Image.new("RGB", (96, 80), "white"), "JPEG"), "one colour"),
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_odd_is_named_but_no_error(pets: Path, name: str) -> None:
    kind, data, sentence = ODD[name]
    (pets / "train" / "dog" / name).write_bytes(data)
    report = check_data(pets, quiet=True)
    (finding,) = found(report, kind)
    assert [report.named(path) for path in finding.paths] == [f"train/dog/{name}"]
    assert sentence in finding.sentence
    assert not report.remaining("error")


def test_what_is_common_in_a_set_is_not_odd(tmp_path: Path) -> None:
    root = tmp_path / "icons"
    for number in range(12):
        folder = root / "train" / ("a" if number % 2 else "b")
        folder.mkdir(parents=True, exist_ok=True)
        picture(number, (12, 12)).convert("L").save(folder / f"{number}.png")
    assert check_data(root, quiet=True).findings == ()


def test_files_that_training_passes_over_are_named(pets: Path) -> None:
    (pets / "train" / "cat" / "notes.txt").write_text("cats")
    (pets / "train" / "cat" / ".hidden.jpg").write_bytes(encoded(picture(80), "JPEG"))
    (pets / "train" / "cat" / "photo").write_bytes(encoded(picture(81), "JPEG"))
    (pets / "train" / "loose.jpg").write_bytes(encoded(picture(82), "JPEG"))
    report = check_data(pets, quiet=True)
    assert report.images == 16
    assert sorted(names(report, "passed_over")) == [
        ["train/cat/.hidden.jpg"],
        ["train/cat/notes.txt"],
    ]
    assert names(report, "misnamed") == [["train/cat/photo"]]
    assert "a JPEG named with no extension" in found(report, "misnamed")[0].sentence
    assert names(report, "outside") == [["train/loose.jpg"]]


def test_copies_are_judged_by_where_they_are(pets: Path) -> None:
    shutil.copy(pets / "train/cat/0.jpg", pets / "train/cat/copy.jpg")
    shutil.copy(pets / "train/cat/1.jpg", pets / "train/dog/copy.jpg")
    shutil.copy(pets / "train/dog/2.jpg", pets / "test/dog/copy.jpg")
    report = check_data(pets, quiet=True)
    assert names(report, "duplicate") == [["train/cat/0.jpg", "train/cat/copy.jpg"]]
    assert names(report, "contradiction") == [["train/cat/1.jpg", "train/dog/copy.jpg"]]
    assert names(report, "leak") == [["train/dog/2.jpg", "test/dog/copy.jpg"]]
    assert [finding.kind for finding in report.remaining("error")] == ["leak"]
    assert "in test and in train" in found(report, "leak")[0].sentence
    assert "labelled cat and dog" in found(report, "contradiction")[0].sentence


def test_an_image_that_was_saved_anew_is_a_near_duplicate(pets: Path) -> None:
    with Image.open(pets / "train/cat/0.jpg") as image:
        image.resize((70, 60)).save(pets / "train/cat/smaller.jpg", quality=60)
    with Image.open(pets / "train/dog/0.jpg") as image:
        brighter = image.point(lambda value: min(255, round(value * 1.06)))
        brighter.save(pets / "test/dog/brighter.png")
    report = check_data(pets, quiet=True)
    assert names(report, "near_duplicate") == [["train/cat/0.jpg", "train/cat/smaller.jpg"]]
    assert names(report, "near_leak") == [["train/dog/0.jpg", "test/dog/brighter.png"]]
    assert not report.remaining("error")
    assert len(report.remaining("warning")) == 2


def test_a_copy_of_a_near_duplicate_is_in_its_group(pets: Path) -> None:
    shutil.copy(pets / "train/cat/0.jpg", pets / "train/cat/copy.jpg")
    with Image.open(pets / "train/cat/0.jpg") as image:
        image.save(pets / "train/cat/worse.jpg", quality=50)
    report = check_data(pets, quiet=True)
    assert names(report, "duplicate") == [["train/cat/0.jpg", "train/cat/copy.jpg"]]
    (group,) = names(report, "near_duplicate")
    assert group == ["train/cat/0.jpg", "train/cat/copy.jpg", "train/cat/worse.jpg"]


def test_flat_images_are_not_taken_for_each_other(pets: Path) -> None:
    for number, grey in enumerate((0, 20, 128, 250)):
        image = Image.new("RGB", (96, 80), (grey, grey, grey))
        image.save(pets / "train" / "cat" / f"flat{number}.png")
    gradient = np.linspace(90, 99, 96).astype(np.uint8)
    for number in range(3):  # alike in their hashes, not to the eye
        pixels = np.broadcast_to(gradient, (80, 96)) + np.uint8(50 * number)
        Image.fromarray(pixels).save(pets / "train" / "dog" / f"sky{number}.png")
    report = check_data(pets, quiet=True)
    assert len(found(report, "blank")) + len(found(report, "grey")) == 7
    assert not [finding for finding in report.findings if "near" in finding.kind]


def test_an_unbalanced_set_is_warned_of(tmp_path: Path) -> None:
    report = check_data(write_set(tmp_path, {"train/a": 10, "train/b": 3}), quiet=True)
    assert report.balance == pytest.approx(10 / 3)
    (finding,) = found(report, "imbalance")
    assert finding.severity == "warning"
    assert "a has 3.3 times the images of b (10 and 3)" in finding.sentence


def test_a_class_without_a_readable_image_is_an_error(pets: Path) -> None:
    for path in (pets / "train" / "dog").iterdir():
        path.write_bytes(b"broken")
    report = check_data(pets, quiet=True)
    assert report.balance is None
    assert "no image of dog in train can be read" in found(report, "empty_class")[0].sentence


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({"train/cat": 3}, "one class only, cat"),
        ({"train/cat": 3, "train/dog": 0}, "no image in"),
        ({"train/cat": 3, "train/dog": 3, "test/cat": 1}, "only in train: dog"),
        ({"train/cat": 3, "train/dog": 1}, "one image only"),
        ({"Train/cat": 3, "test/cat": 1}, "there is no folder train"),
    ],
)
def test_a_set_that_training_refuses_is_checked_all_the_same(
    tmp_path: Path, counts: dict[str, int], words: str
) -> None:
    report = check_data(write_set(tmp_path / "pets", counts), quiet=True)
    (finding,) = found(report, "layout")
    assert finding.severity == "error"
    assert words in finding.sentence
    if any(folder.startswith("train") for folder in counts):
        assert report.images == sum(counts.values())


def test_class_folders_without_splits_are_one_set(tmp_path: Path) -> None:
    report = check_data(write_set(tmp_path / "pets", {"cat": 5, "dog": 4}), quiet=True)
    assert report.counts == {"all": {"cat": 5, "dog": 4}}
    assert report.findings == ()


def test_an_archive_is_checked_where_it_lies(pets: Path, tmp_path: Path) -> None:
    (pets / "train/cat/cut.jpg").write_bytes(encoded(picture(1), "JPEG")[:300])
    shutil.copy(pets / "train/cat/0.jpg", pets / "test/cat/copy.jpg")
    archive = tmp_path / "pets.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(pets, "pets")
    report = check_data(archive, quiet=True)
    assert report.images == 18
    assert names(report, "unreadable") == [["pets/train/cat/cut.jpg"]]
    assert names(report, "leak") == [["pets/train/cat/0.jpg", "pets/test/cat/copy.jpg"]]
    with pytest.raises(UsageError, match=r"--quarantine moves files out of a folder"):
        check_data(archive, quarantine=tmp_path / "bad", quiet=True)


def test_a_list_is_checked_by_its_labels_and_splits(pets: Path) -> None:
    shutil.copy(pets / "train/cat/0.jpg", pets / "again.jpg")
    rows = [("train/cat/0.jpg", "x", "train"), ("again.jpg", "y", "test")]
    rows += [
        (f"train/{name}/1.jpg", label, "train") for name, label in (("cat", "y"), ("dog", "x"))
    ]
    with (pets / "list.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("path", "label", "split"), *rows])
    report = check_data(pets / "list.csv", quiet=True)
    assert report.counts == {"train": {"x": 2, "y": 1}, "test": {"y": 1}}
    assert names(report, "leak") == [["train/cat/0.jpg", "again.jpg"]]
    assert "as x and y" in found(report, "leak")[0].sentence


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_nothing_to_check_is_said(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=f"no (folder|pictures in) {tmp_path / name}"):
        check_data(tmp_path / name, quiet=True)


def test_names_that_are_no_text_are_shown_escaped(pets: Path) -> None:
    bad = pets / "train" / "cat" / "bad\udcff\n.jpg"
    bad.write_bytes(b"?")
    report = check_data(pets, quiet=True)
    assert names(report, "unreadable") == [[r"train/cat/bad\xff\n.jpg"]]


def test_links_that_lead_nowhere_and_pipes_are_named(tmp_path: Path) -> None:
    root = write_set(tmp_path / "pets", {"cat": 4, "dog": 4})
    (root / "cat/gone.jpg").symlink_to("nowhere.jpg")
    (root / "cat/self.jpg").symlink_to("self.jpg")
    os.mkfifo(root / "dog/pipe.png")
    report = check_data(root, quiet=True)
    named = [report.named(*item.paths) for item in report.findings if item.kind == "no_file"]
    assert named == ["cat/gone.jpg", "cat/self.jpg", "dog/pipe.png"]
    assert not report.remaining("error")


def test_the_command_prints_tables_and_exits_with_3_for_errors(
    pets: Path, parnet_zoo_in: Run
) -> None:
    good = parnet_zoo_in("data", "check", "pets")
    assert good.code == 0, good.stderr
    assert "class" in good.stdout.splitlines()[1]
    assert good.stdout.splitlines()[-1] == "16 images: 0 errors, 0 warnings, 0 notes"
    (pets / "train/cat/cut.jpg").write_bytes(b"?")
    bad = parnet_zoo_in("data", "check", "pets")
    assert bad.code == 3
    assert "7 (1 unreadable)" in bad.stdout
    assert "error: unreadable (1)\n  train/cat/cut.jpg: this is not a picture in" in bad.stdout
    assert "Traceback" not in bad.stderr


@pytest.mark.slow
def test_warnings_count_only_where_they_are_told_to(pets: Path, parnet_zoo_in: Run) -> None:
    shutil.copy(pets / "train/cat/0.jpg", pets / "train/cat/copy.jpg")
    assert parnet_zoo_in("data", "check", "pets").code == 0
    assert parnet_zoo_in("data", "check", "pets", "--strict").code == 3


@pytest.mark.slow
def test_the_command_as_json(pets: Path, parnet_zoo_in: Run) -> None:
    shutil.copy(pets / "train/cat/0.jpg", pets / "test/cat/copy.jpg")
    done = parnet_zoo_in("data", "check", "pets", "--json", "--quiet")
    assert (done.code, done.stderr) == (3, "")
    assert done.json["ok"] is False
    assert done.json["splits"]["test"] == {"cat": 3, "dog": 2}
    (finding,) = done.json["findings"]
    assert finding["kind"] == "leak"
    assert finding["paths"] == ["train/cat/0.jpg", "test/cat/copy.jpg"]


@pytest.mark.slow
def test_the_samples_are_drawn_with_the_suspicious_ones_framed(pets: Path, tmp_path: Path) -> None:
    (pets / "train/cat/cut.jpg").write_bytes(b"?")
    shutil.copy(pets / "train/dog/0.jpg", pets / "train/dog/copy.jpg")
    check_data(pets, samples=tmp_path / "samples.png", quiet=True)
    with Image.open(tmp_path / "samples.png") as image:
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
    for colour in ((213, 94, 0), (230, 159, 0)):  # unusable, suspicious
        assert (pixels == colour).all(axis=1).sum() > 1000


@pytest.mark.parametrize(
    ("name", "words"), [("x.jpg", "must end in .png"), ("no/x.png", "there is no folder")]
)
def test_a_picture_that_cannot_be_drawn_is_refused_first(
    pets: Path, tmp_path: Path, name: str, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        check_data(pets, samples=tmp_path / name, quiet=True)


@pytest.mark.slow
def test_the_odd_images_are_all_explained(shared: Path) -> None:
    root = shared / "data" / "odd_images"
    report = check_data(root, quiet=True)
    kinds: dict[str, set[str]] = {}
    for finding in report.findings:
        for path in finding.paths:
            kinds.setdefault(report.named(path), set()).add(finding.kind)
    wanted = {
        "tiny or extreme aspect": {"small", "long"},
        "three channels but grey": {"grey"},
        "among .jpg": {"other_extension"},
        "named .png but is": {"wrong_extension"},
        "animated GIF": {"animated"},
        "CMYK JPEG": {"cmyk"},
        "EXIF orientation": {"turned"},
        "16-bit TIFF": {"sixteen_bits"},
        "RGBA PNG": {"transparent"},
        "greyscale (L)": {"grey"},
        "3072x3072": {"very_large"},
        "1536x2048": {"very_large"},
    }
    with (root / "LIST.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == report.images
    for row in rows:
        is_bad = "unreadable" in kinds.get(row["file"], set())
        assert is_bad == ("LOAD-ERROR" in row["what_pillow_says"]), row
        for words, expected in wanted.items():
            if words in row["why_odd"]:
                assert kinds[row["file"]] & expected, row


@pytest.mark.slow
def test_photographs_without_duplicates_have_none(shared: Path, tmp_path: Path) -> None:
    for split, photographs in (("train", "test/cat"), ("test", "test/dog")):
        paths = sorted((shared / "data" / "dogcat" / photographs).iterdir())
        for start, label in enumerate(("one", "two")):
            folder = tmp_path / split / label
            folder.mkdir(parents=True)
            for path in paths[start::2]:
                (folder / path.name).symlink_to(path)
    report = check_data(tmp_path, quiet=True)
    assert report.images == 2_000
    assert {finding.kind for finding in report.findings} <= {"grey"}
