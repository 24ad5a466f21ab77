"""What a recipe file may look like, and what becomes of one that is broken or hostile."""

import os
from pathlib import Path
from typing import Any

import pytest

from parnet_zoo.recipe import RecipeError, load_recipe
from parnet_zoo.recipe.document import parse_document
from parnet_zoo.recipe.scalars import resolve_scalar

GOOD = b"name: pets\nepochs: 5\nmodel: {name: parnet_s}\n"


def error_of(path: Path | str) -> str:
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    return str(caught.value)


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("1E3", 1000.0),
        ("-.5", -0.5),
        ("1.", 1.0),
        ("12", 12),
        ("-12", -12),
        ("007", 7),
        ("0x1F", 31),
        ("0o17", 15),
        (".inf", float("inf")),
        ("-.inf", float("-inf")),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("yes", "yes"),
        ("No", "No"),
        ("on", "on"),
        ("none", "none"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("2026-01-01", "2026-01-01"),
        ("0b11", "0b11"),
        ("1e", "1e"),
        (".", "."),
        ("9" * 5000, "9" * 5000),
        ("٣", "٣"),
    ],
)
def test_plain_scalars_mean_what_yaml_1_2_says(text: str, value: Any) -> None:
    resolved = resolve_scalar(text)
    assert resolved == value
    assert type(resolved) is type(value)


def test_nan_is_a_number() -> None:
    assert resolve_scalar(".nan") != resolve_scalar(".NaN")


def test_quotes_make_text_and_keys_are_always_text() -> None:
    document = parse_document("a: '1'\nb: \"true\"\n1: x\non: [1, 'two']\n", "f.yaml")
    assert document.data == {"a": "1", "b": "true", "1": "x", "on": [1, "two"]}


def test_every_key_and_value_has_its_position() -> None:
    document = parse_document("a: 1\nbc:\n  d: [x, {e: y}]\n", "f.yaml")
    assert document.keys == {("a",): (1, 1), ("bc",): (2, 1), ("bc", "d"): (3, 3)} | {
        ("bc", "d", 1, "e"): (3, 11)
    }
    assert document.values == {
        (): (1, 1),
        ("a",): (1, 4),
        ("bc",): (3, 3),
        ("bc", "d"): (3, 6),
        ("bc", "d", 0): (3, 7),
        ("bc", "d", 1): (3, 10),
        ("bc", "d", 1, "e"): (3, 14),
    }


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(in_folder: Path) -> None:
    Path("x.yaml").write_bytes(b"\xef\xbb\xbf" + GOOD.replace(b"\n", b"\r\n"))
    assert load_recipe("x.yaml").recipe.name == "pets"
    Path("x.yaml").write_bytes(b"\xef\xbb\xbf" + GOOD.replace(b"\n", b"\r\n") + b"sed: 1\r\n")
    assert error_of("x.yaml") == "x.yaml:4:1 sed: unknown key; did you mean seed?"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (
            b"",
            "x.yaml:1:1: the file is empty; a recipe needs at least the keys name, epochs, model",
        ),
        (
            b"# nothing but words\n",
            "x.yaml:1:1: the file is empty; a recipe needs at least the keys name, epochs, model",
        ),
        (
            b"- name: pets\n",
            "x.yaml:1:1: a list of 1 found; a recipe needs at least the keys name, epochs, model",
        ),
        (b"name: a: b\n", "x.yaml:1:8: not valid YAML: mapping values are not allowed here"),
        (b"name:\n\tx: 1\n", "x.yaml:2:1: not valid YAML: a tab stands where YAML wants spaces"),
        (
            b"name: [a\nepochs: 1\n",
            "x.yaml:2:7: not valid YAML: expected ',' or ']', but got ':' while parsing a flow"
            " sequence",
        ),
        (
            b'name: "\\UFFFFFFFF"\n',
            "x.yaml:1:10: not valid YAML: a number is too large",
        ),
        (
            b"%YAML 1." + b"9" * 5000 + b"\n---\na: 1\n",
            "x.yaml:1:9: not valid YAML: a number is too large",
        ),
        (
            GOOD + b"seed: 1\nseed: 2\n",
            "x.yaml:5:1 seed: given twice, at 4:1 and at 5:1; keep one of the two",
        ),
        (
            b"name: pets\nepochs: 5\nmodel: {name: parnet_s, name: parnet_m}\n",
            "x.yaml:3:25 model.name: given twice, at 3:9 and at 3:25; keep one of the two",
        ),
        (
            GOOD + b"description: !!python/object/apply:os.system ['touch harm']\n",
            "x.yaml:4:14 description: tags (!!python/object/apply:os.system) are not allowed;"
            " remove it",
        ),
        (
            GOOD + b"data: &a {limit: 3}\naugmentation: *a\n",
            "x.yaml:5:15 augmentation: aliases (*name) are not allowed; write the value out",
        ),
        (GOOD + b"? [seed]\n: 3\n", "x.yaml:4:3: a key is one plain word"),
        (GOOD + b"<<: {seed: 3}\n", None),
        (GOOD + b"---\n" + GOOD, "x.yaml:4:1: a second document begins; keep one to a file"),
        (
            GOOD + b"seed: " + b"[" * 5000,
            "x.yaml:4:19 seed[0]: nested more than 12 levels deep",
        ),
        (
            GOOD + b"seed: " + b"{a: " * 5000,
            "x.yaml:4:55 seed.a: nested more than 12 levels deep",
        ),
        (
            GOOD + b"description: caf\xe9\n",
            "x.yaml:4:17: byte 0xe9 is not UTF-8 text; save the file as UTF-8",
        ),
        (
            b"\xff\xfen\x00a\x00",
            "x.yaml:1:1: byte 0xff is not UTF-8 text; save the file as UTF-8",
        ),
        (GOOD + b"seed: \x001\n", "x.yaml:4:7: character U+0000 is not allowed in YAML"),
        (b"\x00", "x.yaml:1:1: character U+0000 is not allowed in YAML"),
        (b"#" * (64 * 1024 + 1), "x.yaml: is larger than 64 KiB, so it is no recipe"),
        (
            GOOD + b'description: "\\uD800"\n',
            'x.yaml:4:14 description: the text "\\ud800" does not fit; it must be a text of at most'
            " 4000 characters",
        ),
    ],
)
def test_a_broken_or_hostile_file_is_one_clear_line(
    in_folder: Path, content: bytes, line: str | None
) -> None:
    Path("x.yaml").write_bytes(content)
    expected = line or "x.yaml:4:1 '<<': unknown key; allowed here: version, extends, name"
    assert error_of("x.yaml")[: len(expected)] == expected
    assert "\n" not in error_of("x.yaml")
    assert [path.name for path in in_folder.iterdir()] == ["x.yaml"]


def test_an_alias_bomb_is_refused_where_it_begins(in_folder: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    Path("x.yaml").write_text("\n".join(lines))
    assert "x.yaml:2:10 a1[0]: aliases (*name) are not allowed" in error_of("x.yaml")


def test_a_key_that_could_forge_a_line_is_quoted(in_folder: Path) -> None:
    Path("x.yaml").write_bytes(GOOD + b'"a\\nb: ok\\e[2J": 1\n')
    assert error_of("x.yaml").startswith(r"x.yaml:4:1 'a\nb: ok\x1b[2J': unknown key;")
    Path("x.yaml").write_bytes(GOOD + b"k" * 900 + b": 1\n")
    assert "k" * 61 not in error_of("x.yaml")


def test_a_file_of_rubbish_is_answered_with_its_first_hundred_mistakes(in_folder: Path) -> None:
    Path("x.yaml").write_bytes(GOOD + b"".join(b"k%d: 1\n" % n for n in range(150)))
    lines = error_of("x.yaml").split("\n")
    assert lines[0].startswith("x.yaml:4:1 k0: unknown key")
    assert (len(lines), lines[-1]) == (101, "... and 50 more mistakes")


@pytest.mark.skipif(os.name != "posix", reason="named pipes and devices are POSIX's")
def test_what_is_no_regular_file_is_refused_without_waiting_for_it(in_folder: Path) -> None:
    os.mkfifo("pipe.yaml")
    assert error_of("pipe.yaml") == "pipe.yaml: is not a regular file; give a recipe file in YAML"
    assert "is not a regular file" in error_of("/dev/zero")


def test_a_folder_and_a_missing_file_are_named(in_folder: Path) -> None:
    Path("folder").mkdir()
    assert error_of("folder") == "folder: is a folder; give a recipe file in YAML"
    assert error_of("folder/x.yaml") == "folder/x.yaml: there is no such file"
    assert error_of(Path("x.yml")) == "x.yml: there is no such file"
    assert error_of("") == "recipe '': is a folder; give a recipe file in YAML"
    assert "there is no such file" in error_of("a\0b")
    assert "File name too long" in error_of("n" * 5000 + "/x")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_is_named(in_folder: Path) -> None:
    Path("x.yaml").write_bytes(GOOD)
    Path("x.yaml").chmod(0)
    assert error_of("x.yaml") == "x.yaml: cannot be read: Permission denied"
