"""Every snippet in README.md and docs/ runs as it stands, in a folder after the quickstart.

Blocks marked bash and python are run in their order, page by page; blocks marked text are outputs,
and yaml blocks are recipes that must be valid. A bash block that starts a server goes on in the
background until the page's end, on a free port in place of the page's: somebody else may be
listening there.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from parnet_zoo.recipe import load_recipe
from tests.conftest import (
    PROGRAMS,
    REPOSITORY,
    Done,
    parnet_zoo_command,
    user_environment,
)

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("**/*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LANGUAGES = {"bash", "python", "text", "yaml", "json", "xml"}
SERVER = re.compile(r"^mlflow (ui|server|models serve)\b", re.MULTILINE)
WITHOUT_PORT = re.compile(r"^(mlflow (?:ui|server)\b)(?!.*--port)", re.MULTILINE)
MLFLOWS_PORT = "5000"
PORT = re.compile(r"(?<=--port )\d+\b|(?<=127\.0\.0\.1:)\d+\b|(?<=localhost:)\d+\b")
SECONDS_TO_START = 90
CHECKPOINTS = {"official_tiny_silu.pth.tar": "checkpoint.pth.tar", "blog_tiny.h5": "blog.h5"}
"""What other people's code has left in the reader's folder."""


def blocks(page: Path) -> list[tuple[str, str]]:
    return BLOCK.findall(page.read_text(encoding="utf-8"))


def named(page: Path) -> str:
    return str(page.relative_to(REPOSITORY))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_block_says_what_it_is(page: Path) -> None:
    assert {language for language, _ in blocks(page)} <= LANGUAGES
    assert page.read_text(encoding="utf-8").count("```") == 2 * len(blocks(page))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_inside_the_project_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / link).exists(), link


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=named)
def test_the_snippets_run(page: Path, quickstart: Done, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    shutil.copytree(quickstart.folder, folder)
    for name in ("Makefile", "pyproject.toml", "requirements.lock", "requirements-dev.lock"):
        shutil.copy(REPOSITORY / name, folder)
    for fixture, name in CHECKPOINTS.items():
        shutil.copy(REPOSITORY / "tests" / "fixtures" / fixture, folder / name)
    ports = FreePorts()
    with ExitStack() as servers:
        for language, written in blocks(page):
            text = ports.put_into(written) if language in {"bash", "python"} else written
            if language == "yaml":
                (folder / "snippet.yaml").write_text(text, encoding="utf-8")
                load_recipe(folder / "snippet.yaml")
            elif language == "bash" and SERVER.search(text):
                servers.enter_context(running(text, folder))
            elif language in {"bash", "python"}:
                run(language, text, folder)


class FreePorts:
    """A free port for each that a page names, the same one in all its snippets."""

    def __init__(self) -> None:
        self._free: dict[str, int] = {}

    def put_into(self, snippet: str) -> str:
        with_port = WITHOUT_PORT.sub(rf"\1 --port {MLFLOWS_PORT}", snippet)
        return PORT.sub(lambda found: str(self._instead_of(found[0])), with_port)

    def _instead_of(self, port: str) -> int:
        if port not in self._free:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self._free[port] = int(probe.getsockname()[1])
        return self._free[port]


def test_free_ports_take_the_place_of_those_on_a_page_everywhere() -> None:
    ports = FreePorts()
    started = ports.put_into("mlflow ui\nmlflow models serve -m m --port 5001")
    found = [int(port) for port in re.findall(r"--port (\d+)", started)]
    assert len(set(found)) == 2
    assert not {5000, 5001} & set(found)
    assert ports.put_into("curl http://127.0.0.1:5001/ping") == (
        f"curl http://127.0.0.1:{found[1]}/ping"
    )
    assert ports.put_into("print(5001)") == "print(5001)"


def run(language: str, text: str, folder: Path) -> None:
    command = [sys.executable, "-c", text] if language == "python" else shell(text)
    done = subprocess.run(
        command, cwd=folder, env=user_environment(), capture_output=True, text=True, timeout=600,
        stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"


def shell(text: str) -> list[str]:
    # This environment counts as installed; `make test` is what runs this very test, so here it is
    # only a dry run.
    venv = PROGRAMS.parent
    make = f"make VENV={venv} -o {venv}/.installed -o {venv}/.installed-dev"
    text = re.sub(r"^make (?=test|check|lint)", f"{make} -n ", text, flags=re.MULTILINE)
    text = re.sub(r"^make (?=quickstart)", f"{make} ", text, flags=re.MULTILINE)
    return ["bash", "-euo", "pipefail", "-c", text]


@contextmanager
def running(text: str, folder: Path) -> Iterator[None]:
    """Run a server until the block is left."""
    [port] = map(int, re.findall(r"--port (\d+)", text))
    log = folder / f"server-{port}.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            shell(text), cwd=folder, env=user_environment(), stdout=output, stderr=output,
            start_new_session=True,
        )  # fmt: skip
        try:
            wait_for(port, process, log)
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=30)


def wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()
        with socket.socket() as probe:
            answers = probe.connect_ex(("127.0.0.1", port)) == 0
        if answers and port in listened_on(process.pid):
            return
        time.sleep(0.3)
    raise AssertionError(log.read_text())


def listened_on(pid: int) -> set[int]:
    """The ports that a process and those it started listen on."""
    found: set[int] = set()
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    for process in family:
        with suppress(psutil.NoSuchProcess):
            connections = process.net_connections(kind="tcp")
            found |= {c.laddr.port for c in connections if c.status == psutil.CONN_LISTEN}
    return found


def test_the_readme_shows_the_backbones_as_they_are_listed(tmp_path: Path) -> None:
    found = blocks(REPOSITORY / "README.md")
    [place] = [n for n, (_, text) in enumerate(found) if text == "parnet-zoo backbones list\n"]
    listed = parnet_zoo_command(tmp_path, "backbones", "list")
    assert found[place + 1] == ("text", listed.stdout)
