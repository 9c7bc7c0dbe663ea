"""Statements that would write, escape, read elsewhere or never end: refused, or cut short."""

import time
from typing import Any

import pytest

from retention_ml.assistant.assistant import Assistant
from retention_ml.assistant.reading import Limits, reading
from retention_ml.assistant.statements import Statement
from retention_ml.errors import UsageError
from retention_ml.settings import load
from retention_ml.warehouse import Warehouse
from tests.assistant.asking import ask
from tests.assistant.hostile import BOUNDED, CUT, HOSTILE, REFUSED
from tests.worlds.assistant_shop import SECRET

# What a driver or an interpreter would say, and a refusal must not.
_LEAKS = (
    "Traceback", 'File "', "psycopg2", "sqlalchemy", "LINE 1", "HINT:", "DETAIL:", "permission denied",
    "relation ", "errors.pydantic", "retention_template", "test_", "127.0.0.1",
)  # fmt: skip


@pytest.fixture(scope="module")
def results(assistant: Assistant) -> dict[str, Any]:
    """What each hostile statement gets, with less time than in earnest."""
    short = load(
        {
            "RETENTION_HOME": str(assistant.settings.home),
            "RETENTION_ASSISTANT__STATEMENT_SECONDS_MAX": "1.5",
        }
    )
    hurried = Assistant(warehouse=assistant.warehouse, settings=short, transport="memory")
    answers = ask(hurried, *(("query", {"sql": statement}) for statement in HOSTILE))
    return dict(zip(HOSTILE, answers, strict=True))


def test_there_are_more_than_a_hundred() -> None:
    assert len(set(HOSTILE)) == len(HOSTILE) >= 100


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_it_is_refused_with_a_sentence(results: dict[str, Any], number: int) -> None:
    result = results[REFUSED[number]]
    assert result.is_error, result.structured_content
    assert result.structured_content is None
    [content] = result.content
    assert content.text.endswith(".")
    assert not any(leak in content.text for leak in _LEAKS), content.text
    statement = REFUSED[number].strip()
    assert not statement or statement not in content.text


@pytest.mark.parametrize("number", range(len(CUT)))
def test_too_many_rows_are_cut(assistant: Assistant, results: dict[str, Any], number: int) -> None:
    answer = results[CUT[number]].structured_content
    assert answer["is_cut"] is True
    assert answer["rows_count"] == len(answer["rows"]) <= assistant.limits.rows


@pytest.mark.parametrize("number", range(len(BOUNDED)))
def test_numbers_at_the_bounds_end_in_time(assistant: Assistant, number: int) -> None:
    began = time.monotonic()
    [result] = ask(assistant, ("query", {"sql": BOUNDED[number]}))
    assert not result.is_error, result.content
    assert time.monotonic() - began < assistant.limits.seconds


def test_rows_beyond_the_limit_of_signs_are_not_read(assistant: Assistant) -> None:
    """Of 4,000 rows of 60,000 signs each only a few leave the database."""
    wide = Statement(
        sql="SELECT repeat('x', 1000) FROM generate_series(1, 4000)".replace(
            "repeat('x', 1000)", ", ".join(["repeat('x', 1000)"] * 60)
        ),
        parameters={},
        columns=tuple(f"c{place}" for place in range(60)),
        views=(),
    )
    with reading(assistant.warehouse, Limits(rows=4_000)) as snapshot:
        rows = snapshot.carry_out(wide, 4_000, 3.0)
        answer = snapshot.answer(rows, 4_000)
        assert (answer.is_cut, answer.rows_count) == (True, 3)
        left = snapshot.transaction.execute("FETCH 1 FROM answer")
    assert left, "all rows were read"


def test_the_time_is_that_of_all_pieces_together(assistant: Assistant) -> None:
    slow = Statement(
        sql="SELECT pg_sleep(0.04) IS NULL FROM generate_series(1, 100)",
        parameters={},
        columns=("x",),
        views=(),
    )
    began = time.monotonic()
    with (
        pytest.raises(UsageError, match=r"longer than 1 seconds"),
        reading(assistant.warehouse, Limits(seconds=1.0)) as snapshot,
    ):
        list(snapshot.carry_out(slow, 200, 1.0))
    assert time.monotonic() - began < 2


def test_no_answer_holds_a_row_from_elsewhere(results: dict[str, Any], shop: Warehouse) -> None:
    planted = shop.read(
        f"SELECT 1 FROM curated.customers WHERE country = '{SECRET}' UNION ALL "
        f"SELECT 1 FROM ops.alerts WHERE evidence ->> 'secret' = '{SECRET}'"
    )
    assert planted.num_rows == 2, "nothing was planted; this test would find nothing"
    assert not [s for s, result in results.items() if SECRET in str(result)]


def test_nothing_in_the_warehouse_changed(results: dict[str, Any], shop: Warehouse) -> None:
    with shop.transaction() as transaction:
        counts = transaction.execute(
            "SELECT (SELECT count(*) FROM curated.orders) > 0, (SELECT count(*) FROM "
            "pg_class WHERE relname IN ('mine')), (SELECT rolsuper FROM pg_roles WHERE rolname = "
            "'retention_assistant')"
        )
    assert list(counts[0]) == [True, 0, False]


def test_the_role_alone_would_answer_some_of_them(assistant: Assistant) -> None:
    """The negative control: without the list, rights of the database refuse less."""
    naive = (
        "SELECT count(*) FROM pg_stat_activity",
        "SELECT current_setting('server_version')",
        "SELECT length(repeat('x', 1000000))",
    )
    for statement in naive:
        with assistant.warehouse.transaction() as transaction:
            assert transaction.execute(statement)
