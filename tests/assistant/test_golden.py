"""What the protocol answers is what SQL answers: forty questions."""

import re
from datetime import datetime
from typing import Any

import pytest

from retention_ml.assistant.assistant import Assistant
from retention_ml.warehouse import Warehouse
from tests.assistant.asking import ask
from tests.assistant.golden import GOLDEN
from tests.worlds.assistant_shop import NEWEST

_STAMP = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(\+00:00)?")
_CUSTOMERS = {
    "critical": "SELECT customer_id FROM reports.customer_risk ORDER BY churn_probability DESC LIMIT 1",
    "low": "SELECT customer_id FROM reports.customer_risk WHERE risk_tier = 'low' ORDER BY 1 LIMIT 1",
    "lapsed": "SELECT customer_id FROM reports.customer_profile WHERE risk_tier IS NULL ORDER BY 1 LIMIT 1",
    "newest": "SELECT customer_id FROM reports.customer_risk JOIN reports.customer_profile USING "
    "(customer_id) ORDER BY first_order_on DESC, customer_id LIMIT 1",
}


@pytest.fixture(scope="module")
def customers(shop: Warehouse) -> dict[str, str]:
    """Customers of different fates."""
    return {
        name: str(shop.read(sql).to_pylist()[0]["customer_id"]) for name, sql in _CUSTOMERS.items()
    }


def _comparable(value: Any) -> Any:
    """Instants as instants: Postgres leaves out zeros at their end."""
    if isinstance(value, dict):
        return {name: _comparable(item) for name, item in value.items()}
    if isinstance(value, str) and _STAMP.fullmatch(value):
        return datetime.fromisoformat(value)
    return value


def _rows(shop: Warehouse, sql: str) -> list[Any]:
    """Rows as Postgres itself writes them in JSON, in the order of the statement."""
    with shop.transaction() as transaction:
        transaction.execute("SET LOCAL search_path = reports")
        rows = transaction.execute(f"SELECT to_jsonb(answer) FROM ({_escape(sql)}) AS answer")
    return [_comparable(row[0]) for row in rows]


def _escape(sql: str) -> str:
    return re.sub(r"(?<!:):(?!:)", r"\\:", sql)


def test_there_are_forty_questions_about_every_tool() -> None:
    assert len(GOLDEN) == 40
    assert len({golden.tool for golden in GOLDEN}) == 9


@pytest.mark.parametrize("number", range(len(GOLDEN)))
def test_the_answer_is_that_of_sql(
    assistant: Assistant, shop: Warehouse, customers: dict[str, str], number: int
) -> None:
    golden = GOLDEN[number]
    arguments = {
        name: value.format(**customers) if name == "customer_id" else value
        for name, value in golden.arguments.items()
    }
    [result] = ask(assistant, (golden.tool, arguments))
    assert not result.is_error, result.content
    answer = result.structured_content
    sql = golden.sql
    for name, customer in customers.items():
        sql = sql.replace(f"{{{name}}}", customer)
    expected = _rows(shop, sql)
    assert [_comparable(row) for row in answer["rows"]] == expected
    is_empty_on_purpose = "'offline'" in sql
    assert bool(expected) != is_empty_on_purpose
    assert answer["rows_count"] == len(expected)
    assert answer["is_cut"] is (golden.tool == "most_at_risk")
    assert answer["as_of"] == str(NEWEST)
    assert (
        answer["snapshot_id"]
        == shop.read(
            "SELECT snapshot_id FROM scores.published ORDER BY as_of DESC LIMIT 1"
        ).to_pylist()[0]["snapshot_id"]
    )
