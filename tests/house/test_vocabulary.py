"""Words that are no names: what happened to a value is not what it is."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.repository import ROOT, files, modules, name, reject, tree

FOLDERS = ("retention_ml", "plugins", "dags", "benchmarks", "tests")
# Not the name of anything, with what to write instead.
WORDS = {
    "found": "the thing: rows, matches, features, version",
    "own": "values, interval, subset, or whose it is: warehouse, definition",
    "known": "available_rows, documented, point_in_time (the function curated.known.known aside)",
    "seen": "observed, previous, visited_ids",
    "kept": "mask, selected, valid_rows",
    "held": "limits, quarantined, locked",
    "taken": "result, sample, used_names",
    "given": "parameters, arguments, the thing itself",
    "beside": "gate_without_champion, other, neighbour",
    "heights": "values, log_odds",
    "brisk": 'timeout="short"',
    "settle": "sync_aliases",
    "way": "learner, method",
    "ways": "learners, methods",
    "material": "training_data",
    "gather": "load_training_data",
    "given_day": "use_day_offset",
    "day_levels": "base_rate_offset",
    "until_order": "time_to_next_order",
    "followed": "follow_up_days",
    "rows_out": "the thing: samples, predictions",
}
# Not even a part of a name.
STEMS = {
    "told": "summary, timing, rows",
    "said": "predictions, decision, message, format_interval",
    "theirs": "source_columns, challenger_mask",
    "ours": "canonical_columns, champion_mask",
    "learnt": "train",
    "judged": "test, evaluation, evaluation_start",
    "crown": "record_champion",
    "seat": "challenger_slot",
    "tryout": "fit_candidate",
    "contest": "offline_comparison",
}
# The name of a test is a sentence: of it only the terms are asked.
TERMS = {"crown", "seat", "tryout", "contest"}
# The one way into `curated` is called after what it returns: the rows known at an instant.
EXCEPTIONS = {("retention_ml/curated/known.py", "known")}
_ALIAS = re.compile(r"\bAS\s+([a-z_]+)\b|\b([a-z_]+)\s+AS\s+(?:NOT\s+|MATERIALIZED\s+)*\(")


def _names(node: ast.AST) -> Iterator[str]:
    """What a node names: what it defines, assigns or binds, not what it reads."""
    match node:
        case ast.FunctionDef(name=defined) | ast.AsyncFunctionDef(name=defined):
            yield defined
        case ast.ClassDef(name=defined) | ast.arg(arg=defined):
            yield defined
        case ast.Name(id=assigned, ctx=ast.Store()):
            yield assigned
        case ast.Attribute(attr=assigned, ctx=ast.Store()):
            yield assigned
        case ast.alias(asname=str(bound)) | ast.ExceptHandler(name=str(bound)):
            yield bound
        case ast.MatchAs(name=str(bound)) | ast.MatchStar(name=str(bound)):
            yield bound
        case ast.MatchMapping(rest=str(bound)):
            yield bound


def _instead(identifier: str) -> str | None:
    """What to write instead of a name that is none."""
    bare = identifier.strip("_").lower()
    stems = TERMS if bare.startswith("test_") else STEMS.keys()
    return WORDS.get(bare) or next((STEMS[part] for part in bare.split("_") if part in stems), None)


def _aliases(sql: str) -> Iterator[str]:
    for match in _ALIAS.finditer(sql):
        yield match[1] or match[2]


def _unnamed(path: Path) -> Iterator[tuple[int, str, str]]:
    """Line, word and remedy of every name that says nothing."""
    for node in ast.walk(tree(path)):
        value = getattr(node, "value", None) if isinstance(node, ast.Constant) else None
        for word in _aliases(value) if isinstance(value, str) else _names(node):
            remedy = _instead(word)
            if remedy:
                yield getattr(node, "lineno", 0), word, remedy


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_name_says_what_a_thing_is(folder: str) -> None:
    reject(
        sorted(
            f"  {name(path)}:{line} {word} -> {remedy}"
            for path in modules(folder)
            for line, word, remedy in _unnamed(path)
            if (name(path), word) not in EXCEPTIONS
        ),
        "Name the thing, not what happened to it:",
    )


def test_an_alias_in_a_view_says_what_it_is() -> None:
    views = [path for path in files() if path.is_relative_to(ROOT / "retention_ml" / "reports")]
    views = [path for path in views if path.suffix == ".sql"]
    assert len(views) >= 4
    reject(
        sorted(
            f"  {name(path)} {alias} -> {_instead(alias)}"
            for path in views
            for alias in _aliases(path.read_text(encoding="utf-8"))
            if _instead(alias)
        ),
        "Name the thing, not what happened to it:",
    )


def test_the_detector_finds_every_kind_of_name(tmp_path: Path) -> None:
    naive, keyword = tmp_path / "naive.py", "AS"  # apart, so that this file does not find itself
    naive.write_text(
        "import numpy as found\n"
        "class Crown:\n    told: int\n    def __init__(self, own): self._kept = own\n"
        "def free_seat(*said, **theirs): return said.found, theirs['seen']\n"
        "for ours in (): pass\n"
        "with open('f') as held: pass\n"
        "if (taken := 1): pass\n"
        f"query = 'SELECT 1 FROM a {keyword} judged'\n"
        f"other = f'WITH learnt {keyword} (SELECT {{query}}) SELECT 1'\n"
        "try: pass\nexcept OSError as beside: pass\n"
        "print(query.known, [w.own for w in other])\n"
        "sentence = 'as told, as found: AS IS'\n"
        "known_until = settle_days = contested = 1\n"
        "def test_a_seat(): pass\n"
        "def test_what_is_told_is_known(): pass\n",
        encoding="utf-8",
    )
    assert sorted(word for _, word, _ in _unnamed(naive)) == sorted(
        "found Crown told own _kept free_seat said theirs ours held taken judged learnt beside test_a_seat".split()
    )
