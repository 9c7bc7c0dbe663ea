"""An explanation reads: whatever waits to be decided, no row of any table changes."""

import shutil
from typing import Any

import pytest

from retention_ml.features import build, store
from retention_ml.scores import publish as publish_module
from retention_ml.scores.explain import explain
from retention_ml.scores.publish import publish
from retention_ml.scores.score import score
from retention_ml.warehouse import Warehouse
from tests.worlds.registered import AS_OF, Shelf
from tests.worlds.scores import World

EXPLANATIONS = 20


@pytest.fixture
def scored(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    """Version 1 has scored; since then a person moved its alias, and a decision waits for MLflow."""
    monkeypatch.setattr(
        build, "ensure_rows", lambda warehouse, *, settings, as_of: store.read_day(warehouse, as_of)
    )
    monkeypatch.setattr(publish_module, "_check_expectations", lambda *_: None)
    shelf.promote("1")
    receipt = score(shelf.warehouse, settings=shelf.settings, as_of=AS_OF)
    publish(
        shelf.warehouse, settings=shelf.settings, snapshot_id=int(receipt.details["snapshot_id"])
    )
    shelf.registry.set_alias("champion", "2")
    monkeypatch.setattr("tests.worlds.registered.sync_aliases", lambda *_: [])
    shelf.make_challenger("3")
    assert shelf.open_decisions() == 1
    return shelf


def _state(warehouse: Warehouse) -> dict[str, tuple[int, str]]:
    """Rows of every table: how many, and a digest of all their values."""
    names = warehouse.read(
        "SELECT schemaname || '.' || relname AS name FROM pg_stat_user_tables ORDER BY 1"
    )["name"].to_pylist()
    assert len(names) > 30
    state = {}
    for name in names:
        [row] = warehouse.read(
            "SELECT count(*) AS rows_count, "
            "coalesce(sum(hashtextextended(stored::text, 0)::numeric), 0)::text AS digest "
            f"FROM {name} AS stored"
        ).to_pylist()
        state[name] = (row["rows_count"], row["digest"])
    return state


def _customers(shelf: Shelf) -> list[str]:
    rows = shelf.rows("SELECT customer_id FROM reports.customer_risk ORDER BY customer_id")
    return [row["customer_id"] for row in rows]


def _explain(shelf: Shelf, customer_id: str) -> dict[str, Any]:
    return explain(shelf.warehouse, settings=shelf.settings, customer_id=customer_id)


def test_explaining_changes_no_row_of_any_table(scored: Shelf) -> None:
    customers = _customers(scored)
    before = _state(scored.warehouse), scored.registry.aliases()
    for customer_id in customers[:EXPLANATIONS]:
        explanation = _explain(scored, customer_id)
        assert (explanation["note"], explanation["model_version"]) == (None, "1")
        assert explanation["features"]
    assert (_state(scored.warehouse), scored.registry.aliases()) == before
    scored.served("challenger")  # the negative control: a door carries out what waits
    assert _state(scored.warehouse) != before[0]


def test_a_customer_is_explained_without_the_others_and_without_a_cache(
    scored: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("all customers were read")

    monkeypatch.setattr(store, "read", refuse)
    monkeypatch.setattr(store, "read_day", refuse)
    customer = _customers(scored)[3]
    expected = _explain(scored, customer)
    shutil.rmtree(scored.registry.folder)
    assert _explain(scored, customer) == expected
    shutil.rmtree(scored.registry.folder)
    gone = explain(scored.warehouse, settings=scored.down, customer_id=customer)
    assert "(logistic v1) cannot be read, so only its stored reasons can be shown" in gone["note"]
    assert gone["features"] == []


def test_a_day_built_again_since_is_not_explained_by_other_features(scored: Shelf) -> None:
    World(scored.warehouse, scored.settings).features(AS_OF, 80, seed=9)
    assert "have been rebuilt since" in _explain(scored, _customers(scored)[0])["note"]
    with scored.warehouse.transaction() as transaction:
        transaction.execute("DELETE FROM features.builds")
    assert "are not built" in _explain(scored, _customers(scored)[0])["note"]


def test_a_row_that_is_not_the_one_that_was_scored_is_not_explained(scored: Shelf) -> None:
    customer = _customers(scored)[0]
    before = _explain(scored, customer)
    strongest = max(before["features"], key=lambda each: abs(each["log_odds"]))["feature"]
    with scored.warehouse.transaction() as transaction:
        transaction.execute(
            f"UPDATE features.customer_daily SET {strongest} = {strongest} + 50 "
            "WHERE customer_id = :customer",
            customer=customer,
        )
    after = _explain(scored, customer)
    assert "have been rebuilt since" in after["note"]
    assert (after["features"], after["base_log_odds"]) == ([], None)
    assert _explain(scored, _customers(scored)[1])["note"] is None
