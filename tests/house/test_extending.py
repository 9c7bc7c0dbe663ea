"""The worked examples of docs/extending.md, followed word by word on copies of the repository."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.house.repository import ROOT, files, reject

PAGE = ROOT / "docs" / "extending.md"
EXAMPLES = ("A feature", "A candidate", "An alert", "A source", "A view")
# What an example needs of the repository.
COPIED = (
    "retention_ml", "tests", "docs", "sources", "expectations", "Makefile", "pyproject.toml",
    "retention.toml",
)  # fmt: skip
_PROGRAMS = Path(sys.executable).parent
_BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
_SECTION = re.compile(r"^## (.+?)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: a whole file, changes of one (`diff`), or commands (`console`)."""

    language: str
    title: str
    text: str


def _examples() -> dict[str, list[Block]]:
    page = PAGE.read_text(encoding="utf-8")
    return {
        heading: [Block(*block) for block in _BLOCK.findall(body)]
        for heading, body in _SECTION.findall(page)
    }


def _changed(text: str, diff: str) -> str:
    """The text with every hunk of a diff applied; a hunk must fit exactly one place."""
    for hunk in diff.split("@@\n"):
        lines = hunk.splitlines(keepends=True)
        before = "".join(line[1:] for line in lines if not line.startswith("+"))
        after = "".join(line[1:] for line in lines if not line.startswith("-"))
        places = f"\n{text}".count(f"\n{before}")
        assert places == 1, f"{places} places instead of one have these lines:\n{before}"
        text = f"\n{text}".replace(f"\n{before}", f"\n{after}")[1:]
    return text


def _follow(blocks: list[Block], copy: Path) -> None:
    """Do what the blocks of an example say, in their order."""
    copy.mkdir()
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name)
        else:
            shutil.copy2(ROOT / name, copy / name)
    modules = []
    for block in blocks:
        if block.language == "console":
            for command, output in _commands(block.text):
                _run(command, output, copy)
            continue
        path = copy / block.title
        if block.language == "diff":
            text = _changed(path.read_text(encoding="utf-8"), block.text)
        else:
            assert not path.exists(), f"{block.title} exists; show its changes as a diff."
            text = block.text
        path.write_text(text, encoding="utf-8")
        modules += [block.title] if path.suffix == ".py" else []
    if modules:
        _run(f"ruff check {' '.join(modules)}", "", copy)
        _run(f"ruff format --check {' '.join(modules)}", "", copy)


def _commands(text: str) -> Iterator[tuple[str, str]]:
    """Each command with the output shown below it, if any is."""
    for part in text.removeprefix("$ ").split("\n$ "):
        command, _, output = part.partition("\n")
        yield command, output


def _run(command: str, output: str, folder: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    environment |= {
        "PATH": f"{_PROGRAMS}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(folder),
        "PYTEST_ADDOPTS": "-p no:cacheprovider",
        "RETENTION_HOME": str(folder / ".retention"),
        "COLUMNS": "120",
    }
    words = shlex.split(command)
    if words[0] == "make":  # the environment is here already
        words[1:1] = ["--assume-old=setup", "--assume-old=.venv/.installed", f"BIN={_PROGRAMS}"]
    done = subprocess.run(
        ["env", *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-6_000:]}{done.stderr[-2_000:]}"
    if output:
        assert _lines(done.stdout) == _lines(output), f"{command} prints\n{done.stdout}"


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip().splitlines()]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Future[None]]:
    """Every example followed on a copy of its own, two at a time."""
    folder = tmp_path_factory.mktemp("copies")
    with ThreadPoolExecutor(2) as pool:
        return {
            heading: pool.submit(_follow, blocks, folder / heading.replace(" ", "-"))
            for heading, blocks in _examples().items()
        }


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.parametrize("heading", EXAMPLES)
def test_an_example_does_what_it_says(heading: str, results: dict[str, Future[None]]) -> None:
    assert tuple(results) == EXAMPLES
    results[heading].result()


@pytest.mark.parametrize("heading", EXAMPLES)
def test_an_example_changes_something_and_runs_something(heading: str) -> None:
    blocks = _examples()[heading]
    assert {block.language for block in blocks} >= {"console"}
    assert len(blocks) >= 3
    assert all(block.title or block.language == "console" for block in blocks)


def test_what_the_page_names_exists() -> None:
    prose = _BLOCK.sub("", PAGE.read_text(encoding="utf-8"))
    names = set(re.findall(r"`([^`\n]+)`", prose))
    assert len(names) > 30
    texts = [
        path for path in files() if path.suffix in (".py", ".sql", ".toml", "") and path != PAGE
    ]
    library = "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in texts)
    created = {block.title for blocks in _examples().values() for block in blocks}
    reject(
        [
            f"  {name}"
            for name in sorted(names)
            if not ((ROOT / name).exists() or name in library or name in created)
        ],
        "docs/extending.md names what is not there:",
    )


def test_a_diff_that_fits_nowhere_or_twice_is_noticed() -> None:
    text = "a\nb\na\nc\n"
    assert _changed(text, " b\n-a\n+d\n@@\n c\n+e\n") == "a\nb\nd\nc\ne\n"
    for diff in (" a\n+d\n", " x\n+d\n", " b\n c\n"):
        with pytest.raises(AssertionError, match="places instead of one"):
            _changed(text, diff)


def test_a_command_that_fails_or_prints_something_else_is_noticed(tmp_path: Path) -> None:
    _run("echo one", "one", tmp_path)
    with pytest.raises(AssertionError, match="echo one prints"):
        _run("echo one", "two", tmp_path)
    with pytest.raises(AssertionError, match="false"):
        _run("false", "", tmp_path)
