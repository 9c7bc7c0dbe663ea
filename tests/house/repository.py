"""What the repository holds: the files under version control or about to be, and their syntax."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
LIBRARY = ROOT / "retention_ml"


@cache
def files() -> tuple[Path, ...]:
    """Every file that is tracked, or would be if it were added."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    names = listed.stdout.decode().split("\0")
    return tuple(sorted({ROOT / name for name in names if name and (ROOT / name).is_file()}))


@cache
def modules(*folders: str) -> tuple[Path, ...]:
    """The Python files below the folders named, at least one for each."""
    paths: list[Path] = []
    for folder in folders:
        inside = [
            path for path in files() if path.suffix == ".py" and path.is_relative_to(ROOT / folder)
        ]
        assert inside, f"{folder}/ holds no Python file; this test looks in the wrong place."
        paths += inside
    return tuple(paths)


@cache
def tree(path: Path) -> ast.Module:
    """The syntax tree of a Python file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def name(path: Path) -> str:
    """The path as a reader of the repository knows it."""
    return path.relative_to(ROOT).as_posix()


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of every absolute import, wherever it stands in the file."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.lineno, node.module


def reject(findings: list[str], remedy: str) -> None:
    """Fail with every finding and what to do about them."""
    assert not findings, "\n".join([remedy, *findings])
