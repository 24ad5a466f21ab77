import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from parnet_zoo.cli.app import app
from parnet_zoo.serving.predict import Failure, Prediction, expand, predict_paths
from parnet_zoo.serving.runtime import Classifier
from tests.serving_helpers import colour_model, encoded

COMMAND = [sys.executable, "-c", "from parnet_zoo.cli import main; main()", "predict"]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return colour_model(tmp_path / "model")


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: two pictures, and one in a folder below beside other files."""
    folder = tmp_path / "pictures"
    for name, colour in (("b.png", "blue"), ("a.PNG", "red"), ("below/deep/c.jpg", "green")):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(colour))
    (folder / "below" / "notes.txt").write_text("no picture")
    (folder / "below" / ".hidden.png").write_bytes(encoded())
    (folder / ".cache").mkdir()
    (folder / ".cache" / "d.png").write_bytes(encoded())
    (folder / "broken.gif").write_bytes(encoded(size=(300, 300))[:400])
    monkeypatch.chdir(folder)
    return folder


def run(*arguments: object, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(app, ["predict", *map(str, arguments)], input=stdin)


@pytest.mark.usefixtures("pictures")
class TestExpand:
    @pytest.mark.parametrize(
        ("images", "expected"),
        [
            (["b.png", "a.PNG", "b.png"], ["b.png", "a.PNG", "b.png"]),
            (["below"], ["below/deep/c.jpg"]),
            (["."], ["a.PNG", "b.png", "below/deep/c.jpg", "broken.gif"]),
            (["*.png", "a.PNG"], ["b.png", "a.PNG"]),
            (["**/*.jpg"], ["below/deep/c.jpg"]),
            (["b*", "[a]*"], ["b.png", "below/deep/c.jpg", "broken.gif", "a.PNG"]),
            (["missing.png", "below/notes.txt"], ["missing.png", "below/notes.txt"]),
        ],
    )
    def test_files_folders_and_patterns_become_files_in_the_order_given(
        self, images: list[str], expected: list[str]
    ) -> None:
        assert list(expand(images)) == [Path(path) for path in expected]

    def test_a_folder_without_pictures_and_a_pattern_without_matches_are_failures(
        self, pictures: Path
    ) -> None:
        (pictures / "empty").mkdir()
        outcomes = list(expand(["empty", "a.PNG", "*.bmp"]))
        assert outcomes[1] == Path("a.PNG")
        assert outcomes[0] == Failure(Path("empty"), "this folder holds no pictures")
        assert outcomes[2] == Failure(Path("*.bmp"), "no file matches this pattern")

    def test_a_file_whose_name_looks_like_a_pattern_is_that_file(self) -> None:
        Path("a[1].png").write_bytes(encoded())
        assert list(expand(["a[1].png"])) == [Path("a[1].png")]

    @pytest.mark.parametrize("strange", ["~nobody-of-this-name.png", "x" * 5000, "a\0b.png"])
    def test_strange_names_are_files_too(self, strange: str) -> None:
        assert list(expand([strange])) == [Path(strange)]


def test_outcomes_come_in_order_across_batches_with_failures_in_their_place(
    model: Path, pictures: Path
) -> None:
    paths = [Path(name) for name in ("b.png", "broken.gif", "a.PNG")] * 20
    outcomes = list(predict_paths(Classifier(model), paths, top_k=1))
    assert [outcome.path for outcome in outcomes] == paths
    said = [
        outcome.answer["label"] if isinstance(outcome, Prediction) else outcome.reason[:11]
        for outcome in outcomes
    ]
    assert said == ["blue", "the picture", "red"] * 20


def test_pictures_are_read_only_as_answers_are_wanted(model: Path, pictures: Path) -> None:
    asked = 0

    def paths() -> Iterator[Path]:
        nonlocal asked
        for _ in range(1000):
            asked += 1
            yield Path("b.png")

    next(predict_paths(Classifier(model), paths()))
    assert asked < 50


def test_each_line_is_path_then_labels_with_probabilities(model: Path, pictures: Path) -> None:
    result = run(model, "b.png", "a.PNG", "--top-k", 2)
    assert result.exit_code == 0, result.output
    first, second = (line.split("\t") for line in result.stdout.splitlines())
    assert first[:2] == ["b.png", "blue"]
    assert second[:2] == ["a.PNG", "red"]
    assert len(first) == 5
    assert 0.9 < float(first[2]) <= 1
    assert result.stderr == ""


def test_json_is_one_object_in_input_order(model: Path, pictures: Path) -> None:
    result = run(model, "below", "missing.png", "b.png", "*.bmp", "--json", "--top-k", 2)
    answer = json.loads(result.stdout)
    assert list(answer) == ["predictions", "unreadable"]
    assert [(row["path"], row["label"]) for row in answer["predictions"]] == [
        ("below/deep/c.jpg", "green"),
        ("b.png", "blue"),
    ]
    for row in answer["predictions"]:
        assert list(row) == ["path", "label", "probability", "top_k"]
        assert row["top_k"][0] == {"label": row["label"], "probability": row["probability"]}
        assert len(row["top_k"]) == 2
    assert answer["unreadable"] == [
        {"path": "missing.png", "reason": "there is no such file"},
        {"path": "*.bmp", "reason": "no file matches this pattern"},
    ]
    assert result.exit_code == 5


def test_unreadable_files_are_named_after_the_others_are_answered(
    model: Path, pictures: Path
) -> None:
    result = run(model, "broken.gif", "b.png", "missing.png", "a.PNG")
    assert [line.split("\t")[1] for line in result.stdout.splitlines()] == ["blue", "red"]
    assert result.exit_code == 5
    assert result.stderr.splitlines() == [
        "2 of 4 could not be read:",
        "  broken.gif: the picture's data is broken or cut off",
        "  missing.png: there is no such file",
    ]


@pytest.mark.parametrize("images", [["*.bmp"], ["empty"], ["empty", "*.bmp"]])
def test_where_nothing_is_meant_the_arguments_are_named_and_the_code_is_2(
    model: Path, pictures: Path, images: list[str]
) -> None:
    (pictures / "empty").mkdir()
    result = run(model, *images)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert [line.partition(":")[0] for line in result.stderr.splitlines()] == images


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["/no/such/model", "b.png"], 2, "no model at /no/such/model"),
        ([".", "b.png"], 2, "classifier.json is missing"),
        (["MODEL", "b.png", "--engine", "abacus"], 2, "engine must be"),
        (["MODEL", "b.png", "--top-k", "0"], 2, "--top-k"),
        (["MODEL", "b.png", "--plot", "no/folder/sheet.png"], 2, "there is no folder no/folder"),
        (["MODEL", "b.png", "--plot", "sheet.jpg"], 2, "--plot sheet.jpg: what is drawn is a PNG"),
        (["MODEL", "b.png", "--plot", "sheet"], 2, "its name must end in .png"),
    ],
)
def test_wrong_arguments_are_a_sentence_and_code_2(
    model: Path, pictures: Path, arguments: list[str], code: int, complaint: str
) -> None:
    result = run(*(str(model) if item == "MODEL" else item for item in arguments))
    assert result.exit_code == code
    assert complaint in result.stderr
    assert "Traceback" not in result.output
    assert result.stdout == ""


def test_names_of_files_that_are_not_utf_8_can_be_printed(model: Path, pictures: Path) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    Path(name).write_bytes(encoded("green"))
    result = run(model, name, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["predictions"][0]["path"] == "caf\N{REPLACEMENT CHARACTER}.png"


def test_plot_draws_the_pictures_that_could_be_read(model: Path, pictures: Path) -> None:
    result = run(model, "b.png", "broken.gif", "a.PNG", "--plot", "sheet.png")
    assert result.exit_code == 5
    assert "sheet.png: 2 pictures" in result.stderr
    with Image.open("sheet.png") as sheet:
        colours = {colour for _, colour in sheet.convert("RGB").getcolors(2**24) or []}
    assert {(0, 0, 255), (255, 0, 0)} <= colours


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_plot_that_cannot_be_written_is_a_sentence_and_code_2(
    model: Path, pictures: Path
) -> None:
    (pictures / "sheet.png").symlink_to("/dev/full")
    result = run(model, "b.png", "--plot", "sheet.png")
    assert result.exit_code == 2
    assert result.stdout.startswith("b.png\tblue")
    assert result.stderr == (
        "--plot sheet.png: it cannot be written there: No space left on device\n"
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="everything may be written by root")
@pytest.mark.parametrize("existing", [False, True])
def test_a_plot_without_permission_is_refused_before_anything_is_predicted(
    model: Path, pictures: Path, existing: bool
) -> None:
    folder = pictures / "locked"
    folder.mkdir()
    if existing:
        (folder / "sheet.png").touch(0o400)
    folder.chmod(0o500)
    result = run(model, "b.png", "--plot", "locked/sheet.png")
    folder.chmod(0o700)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "--plot locked/sheet.png: it cannot be written there: no permission\n"


@pytest.mark.usefixtures("pictures")
class TestStandardInput:
    def test_each_line_is_a_path_and_bad_ones_are_survived(self, model: Path) -> None:
        result = run(model, stdin="missing.png\n\n  b.png \n'a.PNG'\nbelow\n*.bmp\n")
        labels = [line.split("\t")[:2] for line in result.stdout.splitlines()]
        assert labels == [["b.png", "blue"], ["a.PNG", "red"], ["below/deep/c.jpg", "green"]]
        assert result.stderr.splitlines() == [
            "missing.png: there is no such file",
            "*.bmp: no file matches this pattern",
            "2 of 5 could not be read",
        ]
        assert result.exit_code == 5

    def test_no_lines_are_no_error(self, model: Path) -> None:
        result = run(model, stdin="")
        assert (result.exit_code, result.stdout) == (0, "")

    def test_json_comes_at_the_end_in_one_object(self, model: Path) -> None:
        result = run(model, "--json", stdin="b.png\nmissing.png\n")
        answer = json.loads(result.stdout)
        assert [row["label"] for row in answer["predictions"]] == ["blue"]
        assert [row["path"] for row in answer["unreadable"]] == ["missing.png"]

    def test_bytes_that_are_no_utf_8_are_survived(self, model: Path) -> None:
        done = subprocess.run(
            [*COMMAND, str(model)],
            input=b"\xff\xfe\nb.png\n",
            capture_output=True,
            timeout=60,
            check=False,
            env=with_project(),
        )
        assert done.stdout.split(b"\t")[:2] == [b"b.png", b"blue"]
        assert done.returncode == 5
        assert b"Traceback" not in done.stderr


def with_project() -> dict[str, str]:
    root = Path(__file__).resolve().parent.parent
    return {**os.environ, "PYTHONPATH": str(root), "COLUMNS": "100"}


class Terminal:
    """A command at a pseudo terminal."""

    def __init__(self, *arguments: object) -> None:
        ours, theirs = pty.openpty()
        self._terminal = ours
        self.process = subprocess.Popen(
            [*COMMAND, *map(str, arguments)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=with_project(),
            start_new_session=True,
            # so that Ctrl-C at the terminal reaches the process
            preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),  # noqa: PLW1509
        )
        os.close(theirs)
        self.text = ""
        self._seen = 0

    def until(self, expected: str) -> None:
        """Read on, from where the last call ended, until this has been printed."""
        deadline = time.monotonic() + 60
        while expected not in self.text[self._seen :]:
            assert time.monotonic() < deadline, self.text
            if select.select([self._terminal], [], [], 1)[0]:
                try:
                    self.text += os.read(self._terminal, 4096).decode(errors="replace")
                except OSError:  # the other end is closed
                    pytest.fail(f"{expected!r} did not come: {self.text}")
        self._seen = self.text.index(expected, self._seen) + len(expected)

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def end(self) -> int:
        try:
            return self.process.wait(60)
        finally:
            self.process.kill()
            os.close(self._terminal)


@pytest.mark.usefixtures("pictures")
class TestAtATerminal:
    def test_a_person_is_prompted_and_each_path_is_answered_at_once(self, model: Path) -> None:
        terminal = Terminal(model)
        terminal.until("picture (empty line to end): ")
        terminal.type("missing.png\n")
        terminal.until("missing.png: there is no such file")
        terminal.until("picture (empty line to end): ")
        terminal.type("b.png\n")
        terminal.until("b.png")
        terminal.until("blue")
        terminal.until("picture (empty line to end): ")
        terminal.type("\n")
        assert terminal.end() == 0

    def test_ctrl_c_ends_without_a_traceback(self, model: Path) -> None:
        terminal = Terminal(model)
        terminal.until("picture (empty line to end): ")
        terminal.type("\x03")
        terminal.until("interrupted")
        assert terminal.end() == 130
        assert "Traceback" not in terminal.text

    def test_answers_are_a_table(self, model: Path) -> None:
        terminal = Terminal(model, "b.png", "missing.png", "a.PNG")
        terminal.until("could not be read")
        terminal.until("no such file")
        assert terminal.end() == 5
        for word in ("image", "label", "probability", "b.png", "blue", "a.PNG", "red"):
            assert word in terminal.text


def test_predict_is_quiet_and_never_imports_tensorflow(model: Path, pictures: Path) -> None:
    script = (
        "import sys\n"
        "from parnet_zoo.cli.app import app\n"
        f"app(['predict', {str(model)!r}, 'b.png'], standalone_mode=False)\n"
        "print(sorted({'tensorflow', 'keras', 'mlflow'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env=with_project(),
    )
    assert done.stdout.splitlines()[-1] == "[]"
    assert done.stderr == ""


def test_importing_the_command_imports_nothing_heavy() -> None:
    script = (
        "import sys, parnet_zoo.cli.predict\n"
        "heavy = {'tensorflow', 'keras', 'mlflow', 'numpy', 'PIL', 'onnxruntime', 'matplotlib'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env=with_project(),
    )
    assert done.stdout.strip() == "[]"


def test_the_python_api_answers_the_same(model: Path, pictures: Path) -> None:
    import parnet_zoo

    answers: list[Any] = list(parnet_zoo.load(model).predict(["b.png", "a.PNG"]))
    printed = json.loads(run(model, "b.png", "a.PNG", "--json").stdout)["predictions"]
    assert [
        {"path": row["path"], **answer} for row, answer in zip(printed, answers, strict=True)
    ] == printed
