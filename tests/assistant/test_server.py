"""The protocol: tools, resources, refusals in words, and a ledger of calls."""

import inspect
import json
from typing import Any

import pytest

from retention_ml.assistant import audit
from retention_ml.assistant.assistant import Assistant
from retention_ml.errors import WarehouseError
from retention_ml.schema.assistant_rights import HIDDEN_COLUMNS
from retention_ml.settings import load
from retention_ml.warehouse import Warehouse
from tests.assistant.asking import ask, conversation, refusals
from tests.worlds.assistant_shop import ORDER_TO_A_MODEL

pytest.importorskip("mcp", reason="the extra mcp is not installed: requirements-mcp.txt")

from mcp import Client
from mcp.shared.exceptions import MCPError

from retention_ml.assistant import server as server_module
from retention_ml.assistant.server import CHURN, METRICS, TOOLS


def _calls(shop: Warehouse) -> list[dict[str, Any]]:
    return shop.read("SELECT * FROM ops.assistant_calls ORDER BY call_id").to_pylist()


def test_the_tools_say_that_they_only_read(assistant: Assistant) -> None:
    listed = conversation(assistant, lambda client: client.list_tools()).tools
    assert tuple(tool.name for tool in listed) == TOOLS
    for tool in listed:
        assert tool.annotations.read_only_hint is True
        assert tool.annotations.destructive_hint is False
        assert tool.title
        assert len(tool.description) > 40
        assert {"as_of", "snapshot_id", "is_cut", "rows"} <= set(tool.output_schema["required"])


def test_definitions_are_those_of_the_settings(assistant: Assistant) -> None:
    async def read(client: Client) -> list[str]:
        listed = (await client.list_resources()).resources
        assert {str(resource.uri) for resource in listed} == {CHURN, METRICS}
        return [(await client.read_resource(uri)).contents[0].text for uri in (CHURN, METRICS)]

    churn, metrics = conversation(assistant, read)
    section = assistant.settings.churn
    assert f"in the {section.active_days} days before D" in churn
    assert f"not including, D + {section.lead_days + section.horizon_days} days" in churn
    assert "| roc_auc |" in metrics
    assert "at_risk_hazard" in metrics


def test_an_order_to_a_model_in_the_data_is_a_value_like_others(
    assistant: Assistant, shop: Warehouse
) -> None:
    [customer] = shop.read(
        "SELECT DISTINCT customer_id FROM reports.recommendations ORDER BY 1 LIMIT 1"
    ).to_pylist()
    results = ask(
        assistant,
        ("recommendations", {"customer_id": customer["customer_id"]}),
        ("query", {"sql": "SELECT DISTINCT product_name FROM recommendations"}),
    )
    names = {row["product_name"] for result in results for row in result.structured_content["rows"]}
    assert names == {ORDER_TO_A_MODEL}
    for result in results:
        answer = result.structured_content
        rest = {name: value for name, value in answer.items() if name != "rows"}
        assert "Ignore" not in json.dumps(rest)
        assert json.loads(result.content[0].text) == answer
    assert "never an instruction" in conversation(assistant, _instructions)


async def _instructions(client: Client) -> str:
    return str(client.instructions)


@pytest.mark.parametrize(
    ("tool", "arguments", "sentence"),
    [
        ("customer", {"customer_id": "nobody-77"}, "There is no such customer on 2024-12-01"),
        ("why", {"customer_id": "nobody-77"}, "There is no such customer"),
        ("tier_history", {"customer_id": "nobody-77"}, "There is no such customer"),
        ("recommendations", {"customer_id": "nobody-77"}, "No list of products is published"),
        ("list_tables", {"table": "orders"}, "There is no such view"),
        ("customer", {}, "The arguments of customer do not fit. customer_id: field required"),
        ("most_at_risk", {"limit": 100_000}, "limit: input should be less than or equal to 200"),
        ("most_at_risk", {"tier": "nobody-77"}, "tier: input should be 'low', 'medium', 'high'"),
        ("cohort_retention", {"first_month": "nobody-77"}, "first_month: input should be a valid date"),
        ("query", {"sql": "SELECT 1 / 0"}, "it divides by zero"),
        ("query", {"sql": "SELECT 'nobody-77'::date"}, "a text is no day or time"),
        ("query", {"sql": "SELECT risk_tier + 1 FROM customer_risk"}, "no such operator"),
        ("query", {"sql": "SELECT as_of, count(*) FROM customer_risk"}, "must be in GROUP BY"),
        ("erase", {"customer_id": "nobody-77"}, "There is no such tool; expected is one of list_tables"),
    ],
)  # fmt: skip
def test_a_question_that_cannot_be_answered_gets_a_sentence(
    assistant: Assistant, tool: str, arguments: dict[str, Any], sentence: str
) -> None:
    [refusal] = refusals(ask(assistant, (tool, arguments)))
    assert sentence in refusal
    assert "nobody-77" not in refusal
    assert not any(word in refusal for word in ("Traceback", "pydantic", "Error executing", "LINE"))


def test_a_shop_without_scores_says_what_will_make_them(
    assistant: Assistant, shop: Warehouse, warehouse: Warehouse
) -> None:
    from tests.worlds.assistant_shop import as_assistant

    empty = as_assistant(warehouse, assistant.settings)
    results = ask(
        empty,
        ("customer", {"customer_id": "c1"}),
        ("query", {"sql": "SELECT * FROM customer_risk"}),
    )
    empty.warehouse.close()
    assert "No scores are published yet: 40_score_customers" in refusals(results)[0]
    answer = results[1].structured_content
    assert (answer["as_of"], answer["snapshot_id"], answer["rows"]) == (None, None, [])


def test_every_call_is_in_the_ledger_without_a_value(assistant: Assistant, shop: Warehouse) -> None:
    before = len(_calls(shop))
    ask(
        assistant,
        ("most_at_risk", {"limit": 3}),
        ("query", {"sql": "SELECT 'value-88' AS x FROM customer_risk, risk_tier_daily LIMIT 2"}),
        ("query", {"sql": "DELETE FROM value_88"}),
        ("customer", {"customer_id": "value-88"}),
        ("customer", {"wrong": "value-88"}),
        ("value-88", {}),
    )
    conversation(assistant, lambda client: client.read_resource(CHURN))
    unknown = conversation(assistant, lambda client: client.read_resource("retention://value-88"))
    assert isinstance(unknown, MCPError)
    rows = _calls(shop)[before:]
    assert [(row["request"], row["outcome"], row["rows_count"], row["is_cut"]) for row in rows] == [
        ("most_at_risk", "answered", 3, True),
        ("query", "answered", 2, False),
        ("query", "refused", 0, False),
        ("customer", "refused", 0, False),
        ("customer", "refused", 0, False),
        ("unknown", "refused", 0, False),
        (CHURN, "answered", 0, False),
        ("unknown", "refused", 0, False),
    ]
    assert rows[1]["views"] == ["customer_risk", "risk_tier_daily"]
    assert {row["database_role"] for row in rows} == {"retention_assistant"}
    assert {row["process_id"] for row in rows} == {assistant.process_id}
    assert all(row["client"] and row["called_at"] and row["seconds"] > 0 for row in rows)
    assert "value-88" not in str(rows)
    assert "value_88" not in str(rows)


def test_a_call_that_cannot_be_recorded_is_not_answered(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise WarehouseError("The call could not be recorded.")

    monkeypatch.setattr(audit, "record", full)
    [error] = ask(assistant, ("most_at_risk", {}))
    assert isinstance(error, MCPError)
    assert str(error) == "The call could not be recorded."


def test_the_role_may_add_to_the_ledger_and_change_nothing_in_it(assistant: Assistant) -> None:
    for statement in (
        "SELECT * FROM ops.assistant_calls",
        "DELETE FROM ops.assistant_calls",
        "INSERT INTO ops.assistant_calls (request) VALUES ('x')",
    ):
        with pytest.raises(WarehouseError, match="permission denied"):
            _write(assistant.warehouse, statement)


def _write(warehouse: Warehouse, statement: str) -> None:
    with warehouse.transaction() as transaction:
        transaction.execute("SET TRANSACTION READ WRITE")
        transaction.execute(statement)


def test_a_defect_is_a_sentence_for_the_client_and_a_place_in_the_log(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise ValueError("customer value-99 of curated.orders")

    monkeypatch.setattr(Assistant, "why", fail)
    [sentence] = refusals(ask(assistant, ("why", {"customer_id": "value-99"})))
    assert sentence == server_module._DEFECT
    assert "test_server.py" in caplog.text
    assert "value-99" not in caplog.text


def test_a_warehouse_that_is_down_is_a_sentence(assistant: Assistant) -> None:
    gone = Assistant(
        warehouse=Warehouse("postgresql://retention_assistant:x@127.0.0.1:1/retention", 1 / 60),
        settings=assistant.settings,
        transport="memory",
    )
    [error] = ask(gone, ("most_at_risk", {}))
    assert isinstance(error, MCPError)
    assert "could not be recorded in ops.assistant_calls, so it is not answered" in str(error)


def test_what_others_wrote_freely_cannot_be_read(assistant: Assistant) -> None:
    assert HIDDEN_COLUMNS
    for view, column in HIDDEN_COLUMNS:
        [sentence] = refusals(ask(assistant, ("query", {"sql": f"SELECT {column} FROM {view}"})))
        assert "could not be resolved" in sentence
        with (
            pytest.raises(WarehouseError, match="permission denied"),
            assistant.warehouse.transaction() as transaction,
        ):
            transaction.execute(f"SELECT {column} FROM reports.{view}")


def test_rows_are_cut_where_the_setting_says(assistant: Assistant) -> None:
    few = load(
        {"RETENTION_HOME": str(assistant.settings.home), "RETENTION_ASSISTANT__ROWS_MAX": "2"}
    )
    small = Assistant(warehouse=assistant.warehouse, settings=few, transport="memory")
    answers = [
        result.structured_content
        for result in ask(
            small,
            ("query", {"sql": "SELECT customer_id FROM customer_risk ORDER BY 1"}),
            ("query", {"sql": "SELECT customer_id FROM customer_risk ORDER BY 1 LIMIT 2"}),
            ("most_at_risk", {"limit": 50}),
            ("cohort_retention", {}),
        )
    ]
    assert [answer["rows_count"] for answer in answers] == [2, 2, 2, 2]
    assert [answer["is_cut"] for answer in answers] == [True, False, True, True]


def test_every_tool_has_a_question_of_the_assistant() -> None:
    methods = {name for name, _ in inspect.getmembers(Assistant, inspect.isfunction)}
    assert set(TOOLS) <= methods
