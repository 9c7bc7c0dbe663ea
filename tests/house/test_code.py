"""Habits of the code: real time, output, sizes, docstrings."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.house.repository import ROOT, files, modules, name, reject, tree

PRODUCTION = ("retention_ml", "plugins", "dags")
LONGEST_MODULE = 400
LONGEST_DAG = 90
LARGEST_PACKAGE = 15
_CLOCKS = {"datetime", "date", "dt", "Timestamp", "pendulum", "timezone"}


def _real_time(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree(path)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        owner, called = node.func.value, node.func.attr
        last = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
        if (called in ("now", "today", "utcnow") and last in _CLOCKS) or (
            last == "time" and called in ("time", "time_ns", "localtime", "gmtime")
        ):
            yield node.lineno, f"{last}.{called}()"


def test_only_the_clock_reads_the_real_time() -> None:
    clock = ROOT / "retention_ml" / "clock.py"
    assert list(_real_time(clock)), "clock.py reads no time; this test would find nothing."
    reject(
        [
            f"  {name(path)}:{line} calls {call}"
            for path in modules(*PRODUCTION)
            if path != clock
            for line, call in _real_time(path)
        ],
        "Time is a parameter. Take the day as an argument, or clock.now() for a stamp:",
    )


def _day_zero(path: Path) -> Iterator[int]:
    for node in ast.walk(tree(path)):
        if (
            isinstance(node, ast.Call)
            and ast.unparse(node.func).split(".")[-1] in ("date", "datetime")
            and [getattr(each, "value", None) for each in node.args[:3]] == [1970, 1, 1]
        ):
            yield node.lineno


def test_only_the_clock_counts_days_from_1970() -> None:
    clock = ROOT / "retention_ml" / "clock.py"
    assert list(_day_zero(clock)), "clock.py has no day zero; this test would find nothing."
    reject(
        [
            f"  {name(path)}:{line}"
            for path in modules(*PRODUCTION, "benchmarks")
            if path != clock
            for line in _day_zero(path)
        ],
        "Use clock.day_number(day) and clock.day_of(number) instead of 1970-01-01:",
    )


def test_no_sql_reads_the_real_time() -> None:
    scripts = [path for path in files() if path.suffix == ".sql"]
    assert len(scripts) >= 4
    # How old something is when a reader looks is the one question about real time.
    freshness = ROOT / "retention_ml" / "reports" / "views" / "90_pipeline_freshness.sql"
    word = re.compile(r"\b(now\s*\(|current_timestamp|current_date|clock_timestamp)", re.IGNORECASE)
    reject(
        [
            f"  {name(path)}:{number} {line.strip()}"
            for path in scripts
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
            if word.search(line.split("--")[0])
            and not (path == freshness and line.endswith("SELECT now() AS read_at"))
        ],
        "Time is a parameter, in SQL too: pass the instant from Python:",
    )


def test_the_library_prints_nothing() -> None:
    reject(
        [
            f"  {name(path)}:{node.lineno}"
            for path in modules("retention_ml", "plugins", "dags")
            if "retention_ml/cli/" not in name(path)
            for node in ast.walk(tree(path))
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("print", "pprint")
        ],
        "Only retention_ml/cli/ writes to the terminal. Use logging, or return the text:",
    )


def test_no_module_is_too_long() -> None:
    long = [
        (path, len(path.read_text(encoding="utf-8").splitlines()), limit)
        for folder, limit in (
            ("retention_ml", LONGEST_MODULE),
            ("plugins", LONGEST_MODULE),
            ("dags", LONGEST_DAG),
        )
        for path in modules(folder)
    ]
    reject(
        [
            f"  {name(path)} has {lines} lines, {limit} at most"
            for path, lines, limit in long
            if lines > limit
        ],
        "One concept per file. Move a concept into a module of its own (of a DAG: into plugins/):",
    )


def test_no_package_holds_too_many_modules() -> None:
    sizes = Counter(
        path.parent for path in modules("retention_ml", "plugins") if path.stem != "__init__"
    )
    assert sizes[ROOT / "retention_ml" / "models" / "promotion"] > 1
    reject(
        [
            f"  {name(package)}/ holds {size} modules, {LARGEST_PACKAGE} at most"
            for package, size in sorted(sizes.items())
            if size > LARGEST_PACKAGE
        ],
        "A newcomer must find a module by its name. Give those that belong together a package:",
    )


def _undocumented(body: list[ast.stmt], inside: str) -> Iterator[tuple[int, str]]:
    for node in body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if node.name.startswith("_"):
            continue
        if ast.get_docstring(node) is None:
            yield node.lineno, f"{inside}{node.name}"
        if isinstance(node, ast.ClassDef):
            yield from _undocumented(node.body, f"{inside}{node.name}.")


def test_everything_public_says_what_it_is() -> None:
    findings = []
    for path in modules("retention_ml", "plugins"):
        if ast.get_docstring(tree(path)) is None:
            findings.append(f"  {name(path)} has no docstring")
        findings += [
            f"  {name(path)}:{line} {what}" for line, what in _undocumented(tree(path).body, "")
        ]
    reject(findings, "Say in a first line what it returns or is, or name it with a leading _:")


def test_every_dag_tells_its_story() -> None:
    reject(
        [
            f"  {name(path)}"
            for path in modules("dags")
            if len(ast.get_docstring(tree(path)) or "") < 200
        ],
        "The docstring of a DAG is its page in Airflow: reads, writes, again?, on failure. Missing:",
    )


def test_the_detectors_find_what_they_look_for(tmp_path: Path) -> None:
    naive = tmp_path / "naive.py"
    naive.write_text(
        "import datetime, time\n"
        "def public():\n    return datetime.datetime.now(), time.time(), datetime.date.today()\n"
        "EPOCH = datetime.datetime(1970, 1, 1, tzinfo=None)\n"
        "class Open:\n    def method(self): ...\n    def _own(self): ...\n"
    )
    assert [call for _, call in _real_time(naive)] == [
        "datetime.now()",
        "time.time()",
        "date.today()",
    ]
    assert list(_day_zero(naive)) == [4]
    undocumented = [what for _, what in _undocumented(tree(naive).body, "")]
    assert undocumented == ["public", "Open", "Open.method"]
