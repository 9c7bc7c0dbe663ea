"""Abnormal customers detected, decided about, excluded and read: day after day, point in time."""

from datetime import date, timedelta
from typing import Any

import pytest

from retention_ml.abnormal.behaviour import read_behaviour
from retention_ml.abnormal.decide import decide
from retention_ml.abnormal.detect import detect
from retention_ml.abnormal.excluded import excluded_customers
from retention_ml.errors import UsageError
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds import abnormal_shop as world
from tests.worlds.abnormal_shop import DAY, STRANGERS, abnormal_shop

NEXT = DAY + timedelta(days=1)


def rows(warehouse: Warehouse, sql: str) -> list[dict[str, Any]]:
    return warehouse.read(sql).to_pylist()


def changed(settings: Settings, **abnormal: object) -> Settings:
    section = settings.abnormal.model_copy(update=abnormal)
    return settings.model_copy(update={"abnormal": section})


def statuses(warehouse: Warehouse, day: date = DAY) -> dict[str, str]:
    sql = f"SELECT customer_id, status FROM abnormal.customer_daily WHERE as_of = '{day}'"
    return {row["customer_id"]: row["status"] for row in rows(warehouse, sql)}


def excluded(warehouse: Warehouse, day: date = DAY) -> list[str]:
    return excluded_customers(warehouse, day).to_pylist()


def say(
    warehouse: Warehouse,
    settings: Settings,
    customer: str,
    decision: str,
    *,
    day: date = DAY,
    kind: str | None = None,
) -> Any:
    return decide(
        warehouse,
        settings=settings,
        customer_id=customer,
        decision=decision,  # type: ignore[arg-type]
        decided_by="Ada",
        reason="looked at the orders",
        as_of=day,
        kind=kind,
    )


@pytest.fixture
def shop(warehouse: Warehouse) -> Warehouse:
    abnormal_shop(warehouse)
    return warehouse


def test_each_kind_is_flagged_with_the_customers_own_numbers(
    shop: Warehouse, settings: Settings
) -> None:
    made = detect(shop, settings=settings, as_of=DAY)
    by_customer = {
        row["customer_id"]: row for row in rows(shop, "SELECT * FROM reports.abnormal_customers")
    }
    assert {customer: row["kind"] for customer, row in by_customer.items()} == STRANGERS
    assert made.details["kinds"] == {"bot": 1, "brusher": 2, "reseller": 1, "returner": 1}
    assert made.read == made.written + made.left_out == 65
    assert by_customer[world.BOT]["evidence"].startswith(
        "Looked at 480 products in 12 visits, 40 in each (usual are 3."
    )
    assert by_customer[world.BRUSHER]["evidence"] == (
        "Placed 8 of 8 orders without a visit on that day or the day before, 8 of them within 7 "
        "days; 8 of 8 lines are of one product; gave 8 marks, on average 100 % of the best."
    )
    assert by_customer[world.RETURNER]["evidence"].startswith(
        "Sent back or cancelled 20 lines of 20 bought (100%"
    )
    assert by_customer[world.RESELLER]["evidence"].startswith(
        "Bought 1,280 pieces in 32 lines, 40 a line"
    )
    assert all(row["flagged_since"] == DAY for row in by_customer.values())


def test_bots_and_fake_orders_are_excluded_returners_and_resellers_only_shown(
    shop: Warehouse, settings: Settings
) -> None:
    assert excluded(shop) == []
    detect(shop, settings=settings, as_of=DAY)
    assert excluded(shop) == [world.BOT, world.BRUSHER, world.BRUSHER_TOO]
    assert excluded(shop, NEXT) == excluded(shop)  # until the next detection
    assert excluded(shop, DAY - timedelta(days=1)) == []
    detect(shop, settings=changed(settings, reseller="exclude", bot="flag"), as_of=DAY)
    assert excluded(shop) == [world.BRUSHER, world.BRUSHER_TOO, world.RESELLER]


def test_run_again_nothing_is_written_and_the_digest_is_equal(
    shop: Warehouse, settings: Settings
) -> None:
    first, again = (detect(shop, settings=settings, as_of=DAY) for _ in range(2))
    assert (first.details["is_repeat"], again.details["is_repeat"]) == (False, True)
    assert first.details["rows_digest"] == again.details["rows_digest"]
    assert again.duplicates == first.written == 5
    [counts] = rows(
        shop,
        "SELECT (SELECT count(*) FROM abnormal.detections) AS detections, "
        "(SELECT count(*) FROM abnormal.decisions) AS decisions",
    )
    assert counts == {"detections": 1, "decisions": 5}


def test_who_was_cleared_is_not_flagged_for_the_same_evidence(
    shop: Warehouse, settings: Settings
) -> None:
    detect(shop, settings=settings, as_of=DAY)
    receipt = say(shop, settings, world.BOT, "cleared", day=NEXT)
    assert "not flagged as bot for the same evidence" in receipt.sentence
    assert excluded(shop) == [world.BOT, world.BRUSHER, world.BRUSHER_TOO]
    assert excluded(shop, NEXT) == [world.BRUSHER, world.BRUSHER_TOO]  # before any detection
    made = detect(shop, settings=settings, as_of=NEXT)
    assert made.details["statuses"] == {"cleared": 1, "flagged": 4}
    assert excluded(shop, NEXT) == [world.BRUSHER, world.BRUSHER_TOO]
    flags = rows(shop, "SELECT * FROM abnormal.decisions WHERE decision = 'flagged'")
    assert len(flags) == 5
    detect(shop, settings=settings, as_of=DAY)  # an old day keeps its old result
    assert statuses(shop)[world.BOT] == "flagged"


def test_new_evidence_flags_a_cleared_customer_again(shop: Warehouse, settings: Settings) -> None:
    detect(shop, settings=settings, as_of=DAY)
    say(shop, settings, world.RESELLER, "cleared")
    with shop.transaction() as transaction:  # as if far less had been known when it was cleared
        transaction.execute(
            "UPDATE abnormal.decisions SET strength = strength / 2 WHERE decision = 'cleared'"
        )
    detect(shop, settings=settings, as_of=NEXT)
    assert statuses(shop, NEXT)[world.RESELLER] == "flagged"
    [newest] = rows(shop, "SELECT * FROM abnormal.decisions ORDER BY decision_id DESC LIMIT 1")
    assert (newest["decision"], newest["decided_by"]) == ("flagged", "detect")
    assert newest["reason"] == "the evidence has grown since they were cleared"


def test_a_confirmed_customer_is_excluded_whatever_the_rules_say(
    shop: Warehouse, settings: Settings
) -> None:
    say(shop, settings, "c001", "confirmed", kind="brusher")
    assert excluded(shop) == ["c001"]
    detect(shop, settings=settings, as_of=DAY)
    assert statuses(shop)["c001"] == "confirmed"
    assert excluded(shop)[0] == "c001"
    say(shop, settings, "c001", "cleared", kind="brusher")
    assert "c001" not in excluded(shop)
    detect(shop, settings=settings, as_of=DAY)
    assert "c001" not in statuses(shop)


def test_a_confirmed_reseller_stays_where_the_kind_is_only_shown(
    shop: Warehouse, settings: Settings
) -> None:
    detect(shop, settings=settings, as_of=DAY)
    receipt = say(shop, settings, world.RESELLER, "confirmed")
    assert '[abnormal] reseller is "flag"' in receipt.sentence
    assert world.RESELLER not in excluded(shop)
    assert say(shop, settings, world.RESELLER, "confirmed").details["is_repeat"]


def test_too_many_are_an_alert_and_nobody_is_excluded(shop: Warehouse, settings: Settings) -> None:
    few = changed(settings, excluded_share_max=0.04)
    say(shop, settings, world.BRUSHER, "confirmed", kind="brusher")
    made = detect(shop, settings=few, as_of=DAY)
    assert made.details["alert"] is None  # 3 % are within 4 %
    none = changed(settings, excluded_share_max=0.02)
    made = detect(shop, settings=none, as_of=DAY)
    assert made.details["alert"].startswith("2 of 65 customers (3%) would be excluded")
    assert excluded(shop) == [world.BRUSHER]  # a person said so
    assert len(statuses(shop)) == 5
    daily = rows(shop, "SELECT * FROM reports.abnormal_daily")
    assert sum(row["abnormal_count"] for row in daily) == 5
    assert sum(row["excluded_count"] for row in daily) == 1
    assert all(row["alert"] == made.details["alert"] for row in daily)


def test_without_events_rules_that_need_them_are_off_and_say_so(
    warehouse: Warehouse, settings: Settings
) -> None:
    abnormal_shop(warehouse, with_events=False)
    made = detect(warehouse, settings=settings, as_of=DAY)
    assert made.details["caveat"] == (
        "The rules for `bot` and `brusher` are off: no event of a known customer is known, and "
        "the rule needs what they looked at."
    )
    assert set(made.details["kinds"]) == {"reseller", "returner"}
    assert excluded(warehouse) == []


def test_a_shop_of_ordinary_customers_has_no_abnormal_ones(
    warehouse: Warehouse, settings: Settings
) -> None:
    abnormal_shop(warehouse, with_strangers=False)
    made = detect(warehouse, settings=settings, as_of=DAY)
    assert (made.written, made.left_out, made.details["caveat"]) == (0, 60, None)
    [day] = rows(warehouse, "SELECT * FROM reports.abnormal_daily")
    assert (day["kind"], day["abnormal_count"], day["customers_count"]) == (None, 0, 60)


def test_what_was_loaded_later_is_not_known_on_an_earlier_day(
    warehouse: Warehouse, settings: Settings
) -> None:
    abnormal_shop(warehouse)
    early = date(2025, 4, 1)  # before the bot's first visit
    made = detect(warehouse, settings=settings, as_of=early)
    assert set(statuses(warehouse, early)) <= {world.RESELLER, world.RETURNER}
    assert made.written <= 2


def test_an_empty_shop_has_nobody(warehouse: Warehouse, settings: Settings) -> None:
    made = detect(warehouse, settings=settings, as_of=DAY)
    assert (made.read, made.written) == (0, 0)


def test_decisions_need_a_kind_a_name_and_a_reason(shop: Warehouse, settings: Settings) -> None:
    detect(shop, settings=settings, as_of=DAY)
    with pytest.raises(UsageError, match="was not flagged up to 2025-07-01"):
        say(shop, settings, "c001", "confirmed")
    with pytest.raises(UsageError, match="no kind 'robot'"):
        say(shop, settings, "c001", "confirmed", kind="robot")
    with pytest.raises(UsageError, match="No order and no event of such a customer"):
        say(shop, settings, "nobody", "confirmed", kind="bot")
    with pytest.raises(UsageError, match="lacks a reason"):
        decide(
            shop,
            settings=settings,
            customer_id=world.BOT,
            decision="cleared",
            decided_by="Ada",
            reason=" ",
            as_of=DAY,
        )


def test_no_confirmation_frees_from_an_excluded_kind(shop: Warehouse, settings: Settings) -> None:
    detect(shop, settings=settings, as_of=DAY)
    say(shop, settings, world.BRUSHER, "confirmed", kind="reseller")
    before = excluded(shop)
    detect(shop, settings=settings, as_of=DAY)
    assert world.BRUSHER in excluded(shop) == before


def test_of_two_confirmed_kinds_the_excluded_one_counts_before_and_after_detection(
    shop: Warehouse, settings: Settings
) -> None:
    chosen = changed(settings, reseller="exclude")
    for kind in ("returner", "reseller"):
        say(shop, chosen, "c003", "confirmed", kind=kind)
    assert excluded(shop) == ["c003"]
    detect(shop, settings=chosen, as_of=DAY)
    assert "c003" in excluded(shop)


def test_who_is_cleared_before_being_flagged_is_not_flagged_for_what_was_there(
    shop: Warehouse, settings: Settings
) -> None:
    say(shop, settings, world.BOT, "cleared", kind="bot")
    [decision] = rows(shop, "SELECT strength, evidence FROM abnormal.decisions")
    assert decision["strength"] > 1
    assert decision["evidence"].startswith("Looked at 480 products")
    detect(shop, settings=settings, as_of=DAY)
    assert statuses(shop)[world.BOT] == "cleared"
    receipt = say(shop, settings, world.RESELLER, "cleared", kind="bot")
    assert receipt.sentence.endswith("as bot for the same evidence, and stays flagged as reseller.")


def test_a_confirmation_under_another_setting_is_no_repeat(
    shop: Warehouse, settings: Settings
) -> None:
    detect(shop, settings=settings, as_of=DAY)
    say(shop, settings, world.RESELLER, "confirmed")
    receipt = say(shop, changed(settings, reseller="exclude"), world.RESELLER, "confirmed")
    assert "is left out of metrics" in receipt.sentence
    assert world.RESELLER in excluded(shop)


def test_behaviour_is_read_while_nobody_else_can_write(
    shop: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = []

    def looked(warehouse: Warehouse, **names: Any) -> Any:
        with warehouse.transaction() as transaction:
            [row] = transaction.execute(
                "SELECT pg_try_advisory_xact_lock(hashtextextended('abnormal.decisions', 0)) AS free"
            )
            free.append(row.free)
        return read_behaviour(warehouse, **names)

    monkeypatch.setattr("retention_ml.abnormal.detect.read_behaviour", looked)
    detect(shop, settings=settings, as_of=DAY)
    assert free == [False]
