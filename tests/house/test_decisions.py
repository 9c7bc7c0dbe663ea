"""The index of decisions lists every file with its title and a status."""

import re
from pathlib import Path

from tests.house.repository import ROOT, reject

FOLDER = ROOT / "docs" / "decisions"
_ROW = re.compile(r"^\| \[(\d+)\]\((\d{4}-[a-z0-9-]+\.md)\) \| (.+) \| (.+) \|$", re.MULTILINE)
_SUPERSEDED = re.compile(r"superseded by \[(\d+)\]\((\d{4}-[a-z0-9-]+\.md)\)")


def _files() -> list[Path]:
    return sorted(FOLDER.glob("[0-9]*.md"))


def _index() -> list[tuple[str, str, str, str]]:
    """Number, file, title and status of every row."""
    return _ROW.findall((FOLDER / "README.md").read_text(encoding="utf-8"))


def test_the_index_lists_every_decision_with_its_title() -> None:
    assert len(_files()) >= 20
    headings = [
        (path.name, path.read_text(encoding="utf-8").partition("\n")[0]) for path in _files()
    ]
    listed = [(file, f"# {number}. {title}") for number, file, title, _ in _index()]
    assert listed == headings, "docs/decisions/README.md and the headings of its files differ."


def test_numbers_run_without_a_gap() -> None:
    numbers = [int(path.name[:4]) for path in _files()]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_decision_is_in_force_or_names_the_one_that_superseded_it() -> None:
    decisions = {(str(int(path.name[:4])), path.name) for path in _files()}
    findings = []
    for number, file, _, status in _index():
        successors = set(_SUPERSEDED.findall(status))
        if status != "in force" and not (successors and successors <= decisions - {(number, file)}):
            findings.append(f"  {number}: {status}")
    reject(findings, 'Write "in force", or "superseded by [N](file)" with a decision that exists:')
