"""The faults that tests say they try: `@pytest.mark.fault(words, promises=, row=, counted=)`.

`row` is the number, or the numbers, of the row of `tests.chaos.matrix` that the test belongs to;
`counted` names its count in `tests.chaos.counts`, else every case that there is is tried once.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.chaos.counts import COUNTS

TESTS = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault that a test tries, with the test's file from the root of the repository."""

    words: str
    promises: tuple[str, ...]
    rows: tuple[int, ...]
    counted: str | None
    path: str
    test: str
    is_thorough: bool

    @property
    def few(self) -> int | None:
        """How often `make test` tries it; None is every case once."""
        if self.is_thorough:
            return 0
        return COUNTS[self.counted][0] if self.counted else None

    @property
    def many(self) -> int | None:
        """How often `make chaos` tries it; None is every case once."""
        return COUNTS[self.counted][1] if self.counted else None


@cache
def faults() -> tuple[Fault, ...]:
    """Every fault that a test is marked with, in the order of files and lines."""
    marked_faults = tuple(
        fault
        for path in sorted(TESTS.rglob("test_*.py"))
        if "mark.fault(" in (text := path.read_text(encoding="utf-8"))
        for fault in _faults_of(path, ast.parse(text))
    )
    assert len(marked_faults) > 90
    return marked_faults


def _faults_of(path: Path, module: ast.Module) -> Iterator[Fault]:
    of_module = any(
        isinstance(node, ast.Assign)
        and ast.unparse(node.targets[0]) == "pytestmark"
        and "thorough" in ast.unparse(node.value)
        for node in module.body
    )
    for node in module.body:
        if not isinstance(node, ast.FunctionDef):
            continue
        is_thorough = of_module or any(
            ast.unparse(decorator) == "pytest.mark.thorough" for decorator in node.decorator_list
        )
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Call) and ast.unparse(decorator.func).endswith(
                "mark.fault"
            ):
                words = ast.literal_eval(decorator.args[0])
                named: dict[str, Any] = {
                    str(keyword.arg): ast.literal_eval(keyword.value)
                    for keyword in decorator.keywords
                }
                row = named.get("row", ())
                yield Fault(
                    words=words,
                    promises=tuple(named["promises"].split()),
                    rows=row if isinstance(row, tuple) else (row,),
                    counted=named.get("counted"),
                    path=path.relative_to(TESTS.parent).as_posix(),
                    test=node.name,
                    is_thorough=is_thorough,
                )
