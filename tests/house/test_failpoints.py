"""Every failpoint stands at exactly one place and is hit by the chaos tests."""

import ast
from functools import cache

import pytest

from retention_ml.failpoints import FAILPOINTS
from tests.house.repository import files, modules, name, tree


@cache
def _calls() -> tuple[tuple[str, str], ...]:
    """Name and place of every call of `failpoint`."""
    return tuple(
        (node.args[0].value, f"{name(path)}:{node.lineno}")
        for path in modules("retention_ml")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and (getattr(node.func, "attr", None) or getattr(node.func, "id", None)) == "failpoint"
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    )


def test_there_are_failpoints() -> None:
    assert len(FAILPOINTS) == len(set(FAILPOINTS)) >= 10


@pytest.mark.parametrize("failpoint", FAILPOINTS)
def test_a_failpoint_stands_at_one_place(failpoint: str) -> None:
    places = [place for called, place in _calls() if called == failpoint]
    assert len(places) == 1, (
        f"failpoint({failpoint!r}) stands at {places or 'no place'}; expected one. "
        "Put the call where the name says, or remove the name from FAILPOINTS."
    )


def test_no_call_names_an_unknown_failpoint() -> None:
    assert _calls()
    assert [call for call in _calls() if call[0] not in FAILPOINTS] == []


@pytest.mark.parametrize("failpoint", FAILPOINTS)
def test_a_failpoint_is_hit_by_the_chaos_tests(failpoint: str) -> None:
    chaos = [path for path in files() if path.match("tests/chaos/*.py")]
    texts = [path.read_text(encoding="utf-8") for path in chaos if path.name != "__init__.py"]
    assert texts, "tests/chaos/ holds no test."
    door = failpoint.split(".")[0]
    assert any(
        f'"{failpoint}"' in text
        or ("FAILPOINTS" in text and (f'"{door}."' in text or "in FAILPOINTS" in text))
        for text in texts
    ), (
        f"No chaos test kills the process at {failpoint}. Name it in tests/chaos/, or loop over "
        "FAILPOINTS there."
    )
