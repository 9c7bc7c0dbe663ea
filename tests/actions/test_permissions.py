"""Who may be contacted: the newest statement that was known, and what speaks against it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import ibis
import numpy as np
import pytest

from retention_ml.actions.permissions import CONSENTS, HOLDS, PERMISSIONS, permitted
from retention_ml.curated.known import known
from retention_ml.warehouse import Warehouse
from tests.worlds.shops import at, fill

NOW = datetime(2026, 3, 1, tzinfo=UTC)
GRANT = {
    "customer_id": "c1",
    "channel": "email",
    "purpose": "marketing",
    "kind": "granted",
    "event_at": at("2026-01-01"),
    "address": "c1@shop.example",
}


def _row(kind: str, day: str, **other: Any) -> dict[str, Any]:
    return {**GRANT, "address": None, "kind": kind, "event_at": at(day), **other}


def _read(warehouse: Warehouse, instant: datetime = NOW) -> list[tuple[Any, ...]]:
    rows = warehouse.read(permitted(instant)).to_pylist()
    return sorted(
        (row["customer_id"], row["channel"], row["purpose"], row["address"]) for row in rows
    )


ALLOWED = ("c1", "email", "marketing", "c1@shop.example")


def test_who_granted_it_may_be_contacted(warehouse: Warehouse) -> None:
    fill(warehouse, "contact_permissions", [GRANT])
    assert _read(warehouse) == [ALLOWED]


def test_who_never_granted_anything_is_not_contacted(warehouse: Warehouse) -> None:
    fill(warehouse, "contact_permissions", [_row("bounced", "2026-01-01")])
    assert _read(warehouse) == []


@pytest.mark.parametrize("kind", ["withdrawn", "bounced", "complained"])
def test_what_came_after_a_grant_ends_it_until_it_is_granted_again(
    warehouse: Warehouse, kind: str
) -> None:
    fill(warehouse, "contact_permissions", [GRANT, _row(kind, "2026-02-01")])
    assert _read(warehouse) == []
    assert _read(warehouse, at("2026-01-31")) == [ALLOWED]
    fill(warehouse, "contact_permissions", [_row("granted", "2026-02-10", address="new@x.example")])
    assert _read(warehouse) == [("c1", "email", "marketing", "new@x.example")]
    assert _read(warehouse, at("2026-02-05")) == []


@pytest.mark.parametrize("kind", ["withdrawn", "bounced", "complained"])
def test_of_one_moment_the_forbidding_statement_counts(warehouse: Warehouse, kind: str) -> None:
    fill(warehouse, "contact_permissions", [GRANT, _row(kind, "2026-01-01")])
    assert _read(warehouse) == []


def test_a_withdrawal_counts_from_when_it_was_loaded(warehouse: Warehouse) -> None:
    fill(warehouse, "contact_permissions", [GRANT])
    late = at("2026-02-20")
    fill(warehouse, "contact_permissions", [_row("withdrawn", "2026-02-01")], available_at=late)
    assert _read(warehouse, late - timedelta(seconds=1)) == [ALLOWED]
    assert _read(warehouse, late) == []


def test_a_grant_that_is_not_loaded_yet_allows_nothing(warehouse: Warehouse) -> None:
    fill(warehouse, "contact_permissions", [GRANT], available_at=NOW + timedelta(days=1))
    assert _read(warehouse) == []


def test_a_withdrawal_is_of_its_channel_and_purpose(warehouse: Warehouse) -> None:
    grants = [
        {**GRANT, "channel": channel, "purpose": purpose, "address": f"{channel}-address"}
        for channel in ("email", "push")
        for purpose in ("marketing", "service")
    ]
    fill(warehouse, "contact_permissions", [*grants, _row("withdrawn", "2026-02-01")])
    assert _read(warehouse) == [
        ("c1", "email", "service", "email-address"),
        ("c1", "push", "marketing", "push-address"),
        ("c1", "push", "service", "push-address"),
    ]


@pytest.mark.parametrize("kind", ["bounced", "complained"])
def test_a_bounce_or_a_complaint_is_of_its_whole_channel(warehouse: Warehouse, kind: str) -> None:
    grants = [
        {**GRANT, "channel": channel, "purpose": purpose}
        for channel in ("email", "push")
        for purpose in ("marketing", "service")
    ]
    fill(warehouse, "contact_permissions", [*grants, _row(kind, "2026-02-01")])
    assert [row[1] for row in _read(warehouse)] == ["push", "push"]


def test_a_bounce_of_a_former_address_says_nothing_of_the_new_one(warehouse: Warehouse) -> None:
    new = _row("granted", "2026-02-01", address="new@x.example")
    bounce = _row("bounced", "2026-02-10", address="c1@shop.example")
    fill(warehouse, "contact_permissions", [GRANT, new, bounce])
    assert _read(warehouse) == [("c1", "email", "marketing", "new@x.example")]
    fill(
        warehouse,
        "contact_permissions",
        [_row("bounced", "2026-02-11", address="new@x.example")],
    )
    assert _read(warehouse) == []


def test_a_bounce_in_other_capitals_is_of_the_same_address(warehouse: Warehouse) -> None:
    bounce = _row("bounced", "2026-02-10", address="C1@Shop.Example")
    fill(warehouse, "contact_permissions", [GRANT, bounce])
    assert _read(warehouse) == []


def test_a_grant_without_an_address_keeps_the_one_before(warehouse: Warehouse) -> None:
    fill(
        warehouse,
        "contact_permissions",
        [GRANT, _row("withdrawn", "2026-01-10"), _row("granted", "2026-01-20")],
    )
    assert _read(warehouse) == [ALLOWED]


def test_a_customer_without_an_address_is_allowed_and_has_none(warehouse: Warehouse) -> None:
    fill(warehouse, "contact_permissions", [{**GRANT, "address": None}])
    assert _read(warehouse) == [("c1", "email", "marketing", None)]


def test_a_corrected_statement_replaces_the_one_before(warehouse: Warehouse) -> None:
    fill(warehouse, "contact_permissions", [GRANT])
    fill(
        warehouse,
        "contact_permissions",
        [{**GRANT, "address": "mended@x.example"}],
        available_at=at("2026-02-01"),
    )
    assert _read(warehouse, at("2026-01-15")) == [ALLOWED]
    assert _read(warehouse) == [("c1", "email", "marketing", "mended@x.example")]


def test_random_statements_of_two_sources_agree_with_a_replay_in_python(
    warehouse: Warehouse,
) -> None:
    draw = np.random.default_rng(4)
    kinds = ("granted", "granted", "withdrawn", "bounced", "complained")
    rows = {}
    for _ in range(600):
        row = {
            "customer_id": f"c{draw.integers(12)}",
            "channel": str(draw.choice(["email", "push"])),
            "purpose": str(draw.choice(["marketing", "service"])),
            "kind": str(draw.choice(kinds)),
            "event_at": NOW - timedelta(hours=int(draw.integers(1, 300))),
            "address": None if draw.random() < 0.4 else f"a{draw.integers(3)}",
            "source": str(draw.choice(["shop", "mailer"])),
        }
        rows[tuple(row[n] for n in ("customer_id", "channel", "purpose", "kind", "event_at"))] = row
    fill(warehouse, "contact_permissions", list(rows.values()))
    assert _read(warehouse) == _replayed(list(rows.values()))
    assert 0 < len(_read(warehouse)) < 48


def _replayed(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """The statements one after another, as a person would read them."""
    result = []
    forbidding_last = sorted(rows, key=lambda r: (r["event_at"], r["kind"] != "granted"))
    for who in {(r["customer_id"], r["channel"], r["purpose"]) for r in rows}:
        of_channel = [
            r for r in forbidding_last if (r["customer_id"], r["channel"]) == (who[0], who[1])
        ]
        named = [r for r in of_channel if r["kind"] == "granted" and r["address"]]
        address = max(((r["event_at"], r["address"]) for r in named), default=(None, None))[1]
        is_allowed = False
        for row in of_channel:
            of_purpose = row["purpose"] == who[2]
            is_former = row["kind"] == "bounced" and row["address"] and address
            if row["kind"] == "granted" and of_purpose:
                is_allowed = True
            elif (
                (row["kind"] == "withdrawn" and of_purpose)
                or row["kind"] == "complained"
                or (row["kind"] == "bounced" and not (is_former and row["address"] != address))
            ):
                is_allowed = False
        if is_allowed:
            result.append((*who, address))
    return sorted(result)


def test_an_instant_needs_a_time_zone() -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        permitted(datetime(2026, 3, 1))


def test_duckdb_gives_the_same(warehouse: Warehouse) -> None:
    fill(
        warehouse,
        "contact_permissions",
        [GRANT, {**GRANT, "customer_id": "c2"}, _row("withdrawn", "2026-02-01")],
    )
    expected = _read(warehouse)
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA curated")
    connection.register("rows", warehouse.read(known(PERMISSIONS, NOW)))
    connection.execute("CREATE TABLE curated.contact_permissions AS FROM rows")
    connection.execute("CREATE SCHEMA privacy")
    connection.register("consents", warehouse.read(CONSENTS))
    connection.execute("CREATE TABLE privacy.consents AS FROM consents")
    connection.register("held", warehouse.read(HOLDS))
    connection.execute("CREATE TABLE privacy.holds AS FROM held")
    sql = str(ibis.to_sql(permitted(NOW), dialect="duckdb"))
    result = connection.sql(sql).fetchall()
    connection.close()
    assert sorted(result) == expected == [("c2", "email", "marketing", "c1@shop.example")]
