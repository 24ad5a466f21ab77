"""A folder of pictures becomes three splits."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parnet_zoo.data.folder import ImageFolder, Split, scan
from parnet_zoo.errors import DataError, UsageError


def fill(root: Path, files: dict[str, int], suffix: str = ".jpg") -> Path:
    """Make `root/KEY/NUMBER.jpg`, `files[KEY]` of them; a scan opens none, so they hold text."""
    for place, count in files.items():
        (root / place).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            (root / place / f"{number:03d}{suffix}").write_text("x" * number)
    return root


def pets(root: Path, train: int = 20, test: int = 5) -> Path:
    files = {"train/cat": train, "train/dog": train}
    if test:
        files |= {"test/cat": test, "test/dog": test}
    return fill(root, files)


def relative(root: Path, split: Split | None) -> list[str]:
    assert split is not None
    return [path.relative_to(root).as_posix() for path in paths_of(split)]


def paths_of(split: Split) -> list[Path]:
    return [path for path in split.paths if isinstance(path, Path)]


def everything(found: ImageFolder) -> dict[str, list[str]]:
    splits = (found.train, found.validation, found.test)
    return {split.name: relative(found.root, split) for split in splits if split is not None}


def test_classes_are_sorted_and_labels_follow_them(tmp_path: Path) -> None:
    fill(tmp_path, {"train/zebra": 4, "train/ant": 4, "train/Bee": 4, "test/ant": 1})
    fill(tmp_path, {"test/Bee": 2, "test/zebra": 3})
    found = scan(tmp_path, validation=0.25, seed=0)
    assert found.classes == ("Bee", "ant", "zebra")
    assert found.train.labels.tolist() == [0] * 3 + [1] * 3 + [2] * 3
    assert found.train.labels.dtype == np.int64
    for path, label in zip(paths_of(found.train), found.train.labels, strict=True):
        assert path.parent.name == found.classes[label]
        assert path.is_file()
    assert found.test is not None
    assert found.test.counts(found.classes) == {"Bee": 2, "ant": 1, "zebra": 3}


def test_suffixes_count_in_any_case_and_other_files_are_ignored_and_counted(tmp_path: Path) -> None:
    pets(tmp_path, test=0)
    cats = tmp_path / "train/cat"
    for name in ("a.JPG", "b.Jpeg", "c.PNG", "d.webp", "e.BMP", "f.gif", "g.tiff"):
        (cats / name).touch()
    passed_over = [cats / ".hidden.jpg", cats / "notes.txt", cats / "noextension"]
    passed_over += [cats / "Thumbs.db", tmp_path / "train/README.md", cats / ".cache"]
    for path in passed_over[:-1]:
        path.touch()
    fill(tmp_path, {"train/.ipynb_checkpoints": 3, "train/cat/.cache": 2})
    found = scan(tmp_path, validation=0.1, seed=0)
    counts = found.train.counts(found.classes)
    assert counts["cat"] + found.validation.counts(found.classes)["cat"] == 20 + 7
    assert set(found.ignored) == {*passed_over, tmp_path / "train/.ipynb_checkpoints"}
    assert len(found.ignored) == len(set(found.ignored))


def test_folders_inside_a_class_belong_to_it_and_link_loops_end(tmp_path: Path) -> None:
    pets(tmp_path, train=4, test=0)
    fill(tmp_path, {"train/cat/outdoors": 3})
    (tmp_path / "train/cat/outdoors/up").symlink_to(tmp_path / "train/cat")
    (tmp_path / "train/cat/self").symlink_to("self")
    (tmp_path / "train/cat/self.jpg").symlink_to("self.jpg")
    (tmp_path / "train/cat/gone.jpg").symlink_to("nowhere.jpg")
    (tmp_path / "train/loop").symlink_to("loop")
    os.mkfifo(tmp_path / "train/cat/pipe.jpg")
    found = scan(tmp_path, validation=0.2, seed=0)
    assert found.classes == ("cat", "dog")
    assert len(found.train) + len(found.validation) == 4 + 3 + 4
    ignored = {path.name for path in found.ignored}
    assert ignored == {"self", "self.jpg", "gone.jpg", "loop", "pipe.jpg"}


def test_a_link_to_itself_hides_no_class_of_a_set_without_splits(tmp_path: Path) -> None:
    fill(tmp_path, {"cat": 20, "dog": 20})
    for name in ("cat/0-self.jpg", "dog/zz-self.jpg"):
        (tmp_path / name).symlink_to(Path(name).name)
    assert scan(tmp_path, validation=0.1, seed=0).classes == ("cat", "dog")


def test_a_linked_class_folder_is_followed(tmp_path: Path) -> None:
    pets(tmp_path / "data", test=0)
    shutil.move(tmp_path / "data/train/dog", tmp_path / "elsewhere")
    (tmp_path / "data/train/dog").symlink_to(tmp_path / "elsewhere")
    found = scan(tmp_path / "data", validation=0.5, seed=0)
    assert found.train.counts(found.classes) == {"cat": 10, "dog": 10}


counts = st.lists(st.integers(2, 25), min_size=2, max_size=4)


@settings(max_examples=30, deadline=None)
@given(counts, st.floats(0.01, 0.99), st.integers(-5, 2**40))
def test_a_split_is_stratified_disjoint_and_complete(
    sizes: list[int], fraction: float, seed: int
) -> None:
    with TemporaryDirectory() as folder:
        root = fill(Path(folder), {f"train/c{n}": size for n, size in enumerate(sizes)})
        found = scan(root, validation=fraction, seed=seed)
    assert not set(found.train.paths) & set(found.validation.paths)
    assert len(found.train) + len(found.validation) == sum(sizes)
    for name, size in zip(found.classes, sizes, strict=True):
        held = found.validation.counts(found.classes)[name]
        assert held == min(max(round(fraction * size), 1), size - 1)
        assert found.train.counts(found.classes)[name] == size - held
    for split in (found.train, found.validation):
        assert list(split.paths) == sorted(paths_of(split))


@settings(max_examples=30, deadline=None)
@given(counts, st.integers(2, 60), st.integers(0, 99))
def test_a_limit_takes_as_many_of_each_class_from_every_split(
    sizes: list[int], limit: int, seed: int
) -> None:
    classes = [f"c{n}" for n in range(len(sizes))]
    with TemporaryDirectory() as folder:
        files = {f"train/{name}": size for name, size in zip(classes, sizes, strict=True)}
        root = fill(Path(folder), files | {f"test/{name}": 7 for name in classes})
        whole = scan(root, validation=0.3, seed=seed)
        if limit < len(classes):
            with pytest.raises(UsageError, match=f"limit: {limit} .* {len(classes)} classes"):
                scan(root, validation=0.3, seed=seed, limit=limit)
            return
        part = scan(root, validation=0.3, seed=seed, limit=limit)
    for name in ("train", "validation", "test"):
        complete, limited = getattr(whole, name), getattr(part, name)
        each = min(limit // len(classes), *complete.counts(classes).values())
        assert limited.counts(classes) == dict.fromkeys(classes, each)
        assert set(limited.paths) <= set(complete.paths)
        assert list(limited.paths) == sorted(paths_of(limited))


def test_a_limit_of_400_on_two_classes_trains_on_200_of_each(tmp_path: Path) -> None:
    pets(tmp_path, train=300, test=250)
    found = scan(tmp_path, validation=0.1, seed=0, limit=400)
    assert found.train.counts(found.classes) == {"cat": 200, "dog": 200}
    assert found.validation.counts(found.classes) == {"cat": 30, "dog": 30}
    assert found.test is not None
    assert found.test.counts(found.classes) == {"cat": 200, "dog": 200}
    first_by_name = [f"train/cat/{number:03d}.jpg" for number in range(200)]
    assert relative(tmp_path, found.train)[:200] != first_by_name


def test_choices_depend_on_the_seed_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = pets(tmp_path / "here", test=15)
    elsewhere = tmp_path / "quite/another place"
    shutil.copytree(here, elsewhere)
    first = scan(here, validation=0.3, seed=1, limit=12)
    real = os.scandir

    @contextmanager
    def backwards(path: Path) -> Iterator[list[os.DirEntry[str]]]:
        with real(path) as entries:
            yield list(entries)[::-1]

    monkeypatch.setattr(os, "scandir", backwards)
    moved = scan(elsewhere, validation=0.3, seed=1, limit=12)
    monkeypatch.chdir(tmp_path)
    assert everything(moved) == everything(first)
    assert moved.digest == first.digest
    assert everything(scan(Path("here"), validation=0.3, seed=1, limit=12)) == everything(first)
    other = scan(here, validation=0.3, seed=2, limit=12)
    assert everything(other)["validation"] != everything(first)["validation"]
    assert everything(other)["test"] != everything(first)["test"]


def test_a_new_image_moves_at_most_one_other_between_the_splits(tmp_path: Path) -> None:
    pets(tmp_path, train=40)
    before = set(scan(tmp_path, validation=0.25, seed=3).validation.paths)
    (tmp_path / "train/cat/new.jpg").touch()
    after = set(scan(tmp_path, validation=0.25, seed=3).validation.paths)
    assert len((before ^ after) - {tmp_path / "train/cat/new.jpg"}) <= 1


def test_validation_may_be_a_folder_beside_train(tmp_path: Path) -> None:
    pets(tmp_path)
    fill(tmp_path, {"held out/cat": 3, "held out/dog": 2})
    found = scan(tmp_path, validation="held out", seed=0)
    assert len(found.train) == 40
    assert found.validation.counts(found.classes) == {"cat": 3, "dog": 2}
    as_the_blog_does = scan(tmp_path, validation="test", seed=0)
    assert as_the_blog_does.test is not None
    assert as_the_blog_does.validation.paths == as_the_blog_does.test.paths
    assert as_the_blog_does.validation.name == "validation"


def test_the_test_folder_may_be_missing(tmp_path: Path) -> None:
    assert scan(pets(tmp_path, test=0), validation=0.1, seed=0).test is None


def test_the_digest_sees_sizes_names_splits_and_nothing_else(tmp_path: Path) -> None:
    pets(tmp_path)
    digest = scan(tmp_path, validation=0.1, seed=0).digest
    assert len(digest) == 64
    os.utime(tmp_path / "train/cat/003.jpg", (0, 0))
    (tmp_path / "train/cat/notes.txt").touch()
    assert scan(tmp_path, validation=0.1, seed=0).digest == digest
    seen = {digest, scan(tmp_path, validation=0.1, seed=1).digest}
    (tmp_path / "train/cat/003.jpg").write_text("longer than before")
    seen.add(scan(tmp_path, validation=0.1, seed=0).digest)
    (tmp_path / "train/cat/004.jpg").rename(tmp_path / "train/cat/004b.jpg")
    seen.add(scan(tmp_path, validation=0.1, seed=0).digest)
    assert len(seen) == 4


def test_a_missing_folder_is_answered_with_what_is_expected(tmp_path: Path) -> None:
    root = tmp_path / "datasets/dogcat"
    for wrong in (f"there is no folder {root}", f"there is no folder train in {root}"):
        with pytest.raises(DataError) as caught:
            scan(root, validation=0.1, seed=0)
        lines = str(caught.value).splitlines()
        assert len(lines) == 4
        assert lines[0].startswith(wrong)
        assert f"{root}/train/CLASS/*.jpg" in lines[1]
        assert f"{root}/test/CLASS/*.jpg" in lines[2]
        assert lines[3].startswith(f"or {root}/CLASS/*.jpg alone, a .tar ")
        assert caught.value.exit_code == 3
        root.mkdir(parents=True, exist_ok=True)


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    with pytest.raises(DataError, match="data is no folder"):
        scan(tmp_path / "data", validation=0.1, seed=0)


def test_unusable_class_folders_are_named(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    with pytest.raises(DataError, match="train has no class folders"):
        scan(tmp_path, validation=0.1, seed=0)
    fill(tmp_path, {"train/cat": 4})
    with pytest.raises(DataError, match="train has one class only, cat"):
        scan(tmp_path, validation=0.1, seed=0)
    fill(tmp_path, {"train/dog": 0, "train/emu": 4, "train/fox": 2})
    fill(tmp_path, {"train/fox": 2}, suffix=".txt")
    for image in (tmp_path / "train/fox").glob("*.jpg"):
        image.unlink()
    with pytest.raises(DataError, match=r"no image in .*/train/dog, .*/train/fox: add"):
        scan(tmp_path, validation=0.1, seed=0)


@pytest.mark.parametrize("split", ["train", "test", "validation"])
@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"caf\xe9", "caf\\xe9"),
        (b"two\nlines", "two\\nlines"),
        (b"tab\tbed", "tab\\tbed"),
        (b"bell\x07", "bell\\x07"),
        ("line\N{LINE SEPARATOR}".encode(), "line\\u2028"),
    ],
)
def test_a_class_name_that_is_no_plain_text_is_refused_and_shown_escaped(
    tmp_path: Path, split: str, name: bytes, shown: str
) -> None:
    pets(tmp_path)
    fill(tmp_path, {f"{split}/cat": 2, f"{split}/dog": 2, f"{split}/{os.fsdecode(name)}": 2})
    with pytest.raises(DataError, match="without control characters") as error:
        scan(tmp_path, validation="validation" if split == "validation" else 0.25, seed=0)
    assert f"{tmp_path}/{split}/{shown}; rename it" in str(error.value)
    assert str(error.value).isprintable()
    str(error.value).encode()


def test_class_names_may_be_of_any_script_and_hold_spaces_and_signs(tmp_path: Path) -> None:
    names = [
        "a b",
        "\N{DOG FACE}",
        "f\N{COMBINING DIAERESIS}u",
        "猫",
        "50%",
        "x\u00a0y",
        "x\u200cy",
    ]
    fill(tmp_path, {f"train/{name}": 4 for name in names})
    assert scan(tmp_path, validation=0.25, seed=0).classes == tuple(sorted(names))


def test_files_whose_names_are_no_plain_text_are_images_as_others(tmp_path: Path) -> None:
    pets(tmp_path)
    for name in (b"caf\xe9.jpg", b"two\nlines.jpg"):
        (tmp_path / "train/cat" / os.fsdecode(name)).write_text("x")
    found = scan(tmp_path, validation=0.5, seed=0)
    assert found.train.counts(found.classes)["cat"] == found.validation.counts(found.classes)["cat"]
    assert len(found.digest) == 64
    (tmp_path / "train/cat" / os.fsdecode(b"caf\xe9.jpg")).write_text("xx")
    assert scan(tmp_path, validation=0.5, seed=0).digest != found.digest


def test_a_class_with_one_image_cannot_be_split(tmp_path: Path) -> None:
    fill(tmp_path, {"train/cat": 4, "train/dog": 1})
    with pytest.raises(DataError, match="train/dog has one image only"):
        scan(tmp_path, validation=0.1, seed=0)


@pytest.mark.parametrize("split", ["test", "validation"])
def test_other_splits_must_have_the_classes_of_train(tmp_path: Path, split: str) -> None:
    pets(tmp_path, test=0)
    fill(tmp_path, {f"{split}/cat": 3, f"{split}/cow": 3})
    with pytest.raises(DataError) as caught:
        scan(tmp_path, validation="validation" if split == "validation" else 0.1, seed=0)
    message = str(caught.value)
    assert str(tmp_path / split) in message
    assert "only in train: dog" in message
    assert f"only in {split}: cow" in message
    fill(tmp_path, {f"{split}/dog": 0})
    shutil.rmtree(tmp_path / split / "cow")
    with pytest.raises(DataError, match=f"no image in .*/{split}/dog"):
        scan(tmp_path, validation="validation" if split == "validation" else 0.1, seed=0)


@pytest.mark.parametrize(
    "validation", [0.0, 1.0, -0.5, 7.0, float("nan"), "", "..", "a/b", "train"]
)
def test_an_impossible_validation_split_is_a_usage_error(
    tmp_path: Path, validation: float | str
) -> None:
    with pytest.raises(UsageError, match=r"data\.validation: .* fraction between 0 and 1"):
        scan(pets(tmp_path), validation=validation, seed=0)


def test_scanning_imports_no_framework(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from parnet_zoo.data.folder import scan;"
        f"scan(Path({str(pets(tmp_path))!r}), validation=0.1, seed=0);"
        "print({'tensorflow', 'keras', 'PIL', 'mlflow', 'sklearn'} & set(sys.modules))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "set()"


def test_class_folders_alone_are_split_by_seed(tmp_path: Path) -> None:
    fill(tmp_path, {"cat": 40, "dog": 20, "dog/puppies": 10})
    (tmp_path / "README.md").touch()
    (tmp_path / ".hidden").mkdir()
    found = scan(tmp_path, validation=0.2, seed=5)
    assert found.test is not None
    assert found.classes == ("cat", "dog")
    assert found.train.counts(found.classes) == {"cat": 28, "dog": 21}
    assert found.validation.counts(found.classes) == {"cat": 8, "dog": 6}
    assert found.test.counts(found.classes) == {"cat": 4, "dog": 3}
    assert found.train.origin == "what is left of the class folders"
    assert found.validation.origin == "20% of each class of the class folders, drawn by seed 5"
    assert found.test.origin == "10% of each class of the class folders, drawn by seed 5"
    assert found.ignored == (tmp_path / ".hidden", tmp_path / "README.md")


def test_another_validation_split_leaves_the_test_images_alone(tmp_path: Path) -> None:
    fill(tmp_path, {"cat": 40, "dog": 30})
    splits = [scan(tmp_path, validation=part, test=0.25, seed=1) for part in (0.1, 0.5)]
    tests = [relative(tmp_path, found.test) for found in splits]
    assert tests[0] == tests[1]
    assert len(tests[0]) == 10 + 8
    assert relative(tmp_path, scan(tmp_path, validation=0.1, test=0.25, seed=2).test) != tests[0]


def test_a_class_needs_an_image_for_each_split(tmp_path: Path) -> None:
    fill(tmp_path, {"cat": 4, "dog": 2})
    with pytest.raises(DataError, match=r"dog has 2 images only: .* test and validation images"):
        scan(tmp_path, validation=0.1, seed=0)
    fill(tmp_path, {"dog": 3})
    found = scan(tmp_path, validation=0.1, seed=0)
    assert [len(split or ()) for split in (found.train, found.validation, found.test)] == [3, 2, 2]


@pytest.mark.parametrize("name", ["test", "Training", "val", "TRAIN"])
def test_what_looks_like_a_split_is_not_taken_for_a_class(tmp_path: Path, name: str) -> None:
    fill(tmp_path, {"cat": 4, "dog": 4, name: 4})
    with pytest.raises(DataError, match=f"no folder train in .* but there are {name}: rename"):
        scan(tmp_path, validation=0.1, seed=0)


def test_folders_of_data_sets_are_not_taken_for_classes(tmp_path: Path) -> None:
    fill(tmp_path, {"2019/cat": 4, "2019/dog": 4, "2020/cat": 4, "2020/dog": 4})
    with pytest.raises(DataError, match="there is no folder train in"):
        scan(tmp_path, validation=0.1, seed=0)
    fill(tmp_path, {"2020": 4})
    with pytest.raises(DataError, match="there is no folder train in"):
        scan(tmp_path, validation=0.1, seed=0)
    fill(tmp_path, {"2020/train/cat": 4})
    with pytest.raises(DataError, match=rf"\(is {tmp_path}/2020 meant\?\)"):
        scan(tmp_path, validation=0.1, seed=0)


def test_a_class_called_train_gets_a_hint(tmp_path: Path) -> None:
    fill(tmp_path, {"bus": 4, "car": 4, "train": 4})
    with pytest.raises(DataError, match="if train is a class like bus, car, move all") as error:
        scan(tmp_path, validation=0.1, seed=0)
    assert f"this one as {tmp_path}/train/train" in str(error.value)
    for name in ("bus", "car"):
        shutil.move(tmp_path / name, tmp_path / "train" / name)
    for image in (tmp_path / "train").glob("*.jpg"):
        fill(tmp_path, {"train/train": 0})
        image.rename(tmp_path / "train/train" / image.name)
    assert scan(tmp_path, validation=0.25, seed=0).classes == ("bus", "car", "train")


def test_images_directly_in_train_are_told_of(tmp_path: Path) -> None:
    fill(tmp_path, {"train": 4})
    with pytest.raises(DataError, match=r"has no class folders; .* a list of labels use a \.csv"):
        scan(tmp_path, validation=0.1, seed=0)


def test_test_images_may_be_split_off_where_there_is_no_test_folder(tmp_path: Path) -> None:
    pets(tmp_path, test=0)
    found = scan(tmp_path, validation=0.25, test=0.1, seed=0)
    assert found.test is not None
    assert [len(split) for split in (found.train, found.validation, found.test)] == [26, 10, 4]
    assert found.train.origin == "what is left of folder train"
    assert sorted(chain.from_iterable(everything(found).values())) == sorted(
        path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("train/*/*.jpg")
    )


def test_a_fraction_for_test_images_beside_a_test_folder_is_refused(tmp_path: Path) -> None:
    pets(tmp_path)
    with pytest.raises(UsageError, match=r"data\.test: 0\.2 .* leave data\.test out to use them"):
        scan(tmp_path, validation=0.1, test=0.2, seed=0)


def test_the_test_images_may_be_in_any_folder_beside_train(tmp_path: Path) -> None:
    pets(tmp_path)
    fill(tmp_path, {"exam/cat": 2, "exam/dog": 1})
    found = scan(tmp_path, validation=0.25, test="exam", seed=0)
    assert found.test is not None
    assert relative(tmp_path, found.test)[0] == "exam/cat/000.jpg"
    assert found.test.origin == "folder exam"
    assert not found.test_is_validation
    assert scan(tmp_path, validation="exam", test="exam", seed=0).test_is_validation
    with pytest.raises(DataError, match="there is no folder nowhere in"):
        scan(tmp_path, validation=0.25, test="nowhere", seed=0)


def test_a_split_that_cannot_be_is_a_usage_error(tmp_path: Path) -> None:
    fill(tmp_path, {"cat": 9, "dog": 9})
    with pytest.raises(UsageError, match=r"data\.validation: .* comes without splits, .* 'test'"):
        scan(tmp_path, validation="test", seed=0)
    with pytest.raises(UsageError, match=r"data\.test: .* comes without splits, .* 'exam'"):
        scan(tmp_path, validation=0.1, test="exam", seed=0)
    with pytest.raises(UsageError, match=r"nothing would be left to train on, .* 1\.2 of the"):
        scan(tmp_path, validation=0.7, test=0.5, seed=0)
    with pytest.raises(UsageError, match=r"data\.test: nan does not fit"):
        scan(tmp_path, validation=0.7, test=float("nan"), seed=0)


def test_the_train_folder_itself_gets_a_hint(tmp_path: Path) -> None:
    pets(tmp_path)
    with pytest.raises(DataError, match=rf"\(is {tmp_path} meant\?\)"):
        scan(tmp_path / "train", validation=0.1, seed=0)
