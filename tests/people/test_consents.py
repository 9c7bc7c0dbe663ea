"""Who refuses profiling is not scored, who refuses contact is not contacted, from then on."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from retention_ml import clock
from retention_ml.actions.permissions import permitted
from retention_ml.audit.read_log import newest_entries
from retention_ml.cli import app
from retention_ml.errors import UsageError
from retention_ml.features import build as build_module
from retention_ml.features.build import build
from retention_ml.maintenance.erasure.hold import hold
from retention_ml.maintenance.invariants import violations
from retention_ml.maintenance.pseudonymise import pseudonymise
from retention_ml.people.consent_lists import read_statements
from retention_ml.people.consents import Purpose, Statement, refuses_profiling
from retention_ml.people.fill_contact_list import fill_contact_list
from retention_ml.people.lookup import customer_id_of
from retention_ml.people.record_consent import record_consent
from retention_ml.scores import publish as publish_module
from retention_ml.scores.publish import publish
from retention_ml.scores.score import score
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.people.conftest import Shop
from tests.people.test_fill_contact_list import numbers, permit
from tests.worlds.shops import fill

__all__ = ["numbers"]

DAY = date(2024, 3, 15)
EARLIER = datetime(2026, 1, 1, tzinfo=UTC)


def _say(
    of: Shop, customer_id: str, purpose: Purpose, is_given: bool, at: datetime = EARLIER
) -> None:
    statement = Statement(customer_id=customer_id, purpose=purpose, is_given=is_given, event_at=at)
    record_consent(of.warehouse, [statement], settings=of.settings, by="test")


def test_who_refuses_profiling_is_not_scored_and_counted_with_the_reason(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build_module, "_check", lambda *_: None)
    monkeypatch.setattr(publish_module, "_check_expectations", lambda *_, **__: None)
    build(shop.warehouse, settings=shop.settings, as_of=DAY)
    [refusing, other] = map(
        str, shop.values("SELECT customer_id FROM features.customer_daily ORDER BY 1 LIMIT 2")
    )
    before = score(shop.warehouse, settings=shop.settings, as_of=DAY)
    _say(shop, refusing, Purpose.PROFILING, False)
    _say(shop, other, Purpose.PROFILING, False)
    _say(shop, other, Purpose.PROFILING, True, EARLIER + timedelta(days=1))
    after = score(shop.warehouse, settings=shop.settings, as_of=DAY)
    assert after.details["excluded"]["no_consent"] == 1
    assert (after.read, after.written) == (before.read, before.written - 1)
    publish(shop.warehouse, settings=shop.settings, snapshot_id=int(after.details["snapshot_id"]))
    excluded = "SELECT customer_id FROM scores.exclusions WHERE reason_code = 'no_consent'"
    assert shop.values(excluded) == [refusing]
    listed = shop.values("SELECT customer_id FROM reports.customer_risk")
    assert refusing not in listed
    assert other in listed
    again = score(shop.warehouse, settings=shop.settings, as_of=DAY)
    assert again.details["is_repeat"]
    only_who_agreed = shop.settings.model_copy(
        update={"privacy": shop.settings.privacy.model_copy(update={"profiling": "with_consent"})}
    )
    agreed = score(shop.warehouse, settings=only_who_agreed, as_of=DAY)
    assert agreed.details["excluded"]["no_consent"] == agreed.read - 1
    assert agreed.written == 1
    assert violations(shop.warehouse) == []


def test_who_is_on_legal_hold_is_not_scored_and_counted_with_the_reason(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build_module, "_check", lambda *_: None)
    monkeypatch.setattr(publish_module, "_check_expectations", lambda *_, **__: None)
    build(shop.warehouse, settings=shop.settings, as_of=DAY)
    [hidden, refusing] = map(
        str, shop.values("SELECT customer_id FROM features.customer_daily ORDER BY 1 LIMIT 2")
    )
    [number] = [
        each
        for each in shop.numbers
        if customer_id_of(shop.warehouse, shop.settings, each) == hidden
    ]
    _say(shop, refusing, Purpose.PROFILING, False)
    _say(shop, hidden, Purpose.PROFILING, False)
    before = score(shop.warehouse, settings=shop.settings, as_of=DAY)
    hold(
        shop.warehouse,
        settings=shop.settings,
        numbers=[number],
        until=clock.now().date() + timedelta(days=30),
        reason="lawsuit",
        by="test",
    )
    after = score(shop.warehouse, settings=shop.settings, as_of=DAY)
    assert before.details["excluded"] == {"no_consent": 2}
    assert after.details["excluded"] == {"no_consent": 1, "legal_hold": 1}
    publish(shop.warehouse, settings=shop.settings, snapshot_id=int(after.details["snapshot_id"]))
    assert violations(shop.warehouse) == []


def test_of_statements_of_one_moment_the_forbidding_one_counts(shop: Shop) -> None:
    [one, other] = map(str, shop.values("SELECT customer_id FROM privacy.people LIMIT 2"))
    asked = pa.array([one, other])
    assert refuses_profiling(shop.warehouse, shop.settings, asked).tolist() == [False, False]
    _say(shop, one, Purpose.PROFILING, True)
    _say(shop, one, Purpose.PROFILING, False)
    _say(shop, other, Purpose.CONTACT, False)
    assert refuses_profiling(shop.warehouse, shop.settings, asked).tolist() == [True, False]


def test_who_refuses_contact_is_not_permitted_on_any_channel_until_they_agree_again(
    shop: Shop,
) -> None:
    [who] = map(str, shop.values("SELECT customer_id FROM privacy.people LIMIT 1"))
    granted_at = EARLIER - timedelta(days=10)
    grants = [
        {
            "customer_id": who,
            "channel": channel,
            "purpose": "marketing",
            "kind": "granted",
            "event_at": granted_at,
            "address": None,
        }
        for channel in ("email", "push")
    ]
    fill(shop.warehouse, "contact_permissions", grants)

    def channels(instant: datetime) -> list[str]:
        rows = shop.warehouse.read(permitted(instant))
        return sorted(row["channel"] for row in rows.to_pylist() if row["customer_id"] == who)

    assert channels(clock.now()) == ["email", "push"]
    _say(shop, who, Purpose.CONTACT, False)
    assert channels(clock.now()) == []
    # Of a day before it was known the old answer is given.
    assert channels(clock.now() - timedelta(days=1)) == ["email", "push"]
    fill(
        shop.warehouse,
        "contact_permissions",
        [{**grants[0], "event_at": EARLIER + timedelta(days=2)}],
    )
    assert channels(clock.now()) == ["email"]
    _say(shop, who, Purpose.CONTACT, True, EARLIER + timedelta(days=3))
    assert channels(clock.now()) == ["email", "push"]


def test_who_refuses_contact_leaves_the_list_for_the_crm(
    warehouse: Warehouse, settings: Settings, numbers: dict[str, str]
) -> None:
    def listed() -> set[str]:
        fill_contact_list(warehouse, settings=settings)
        with warehouse.transaction() as transaction:
            rows = transaction.execute("SELECT customer_number FROM privacy.contact_list")
        return {row.customer_number for row in rows}

    before = listed()
    gone, back, *_ = sorted(before)
    by_number = {number: name for name, number in numbers.items()}

    def say(number: str, is_given: bool, at: datetime) -> None:
        statement = Statement(
            customer_id=by_number[number], purpose=Purpose.CONTACT, is_given=is_given, event_at=at
        )
        record_consent(warehouse, [statement], settings=settings, by="test")

    now = clock.now()
    say(gone, False, now)
    say(back, False, now)
    assert listed() == before - {gone, back}
    say(back, True, clock.now())
    assert listed() == before - {gone}
    permit(warehouse, [by_number[gone]], "granted", now.date() + timedelta(days=1))
    assert listed() == before


def test_a_statement_about_nobody_or_of_the_future_is_refused_whole(shop: Shop) -> None:
    [who] = map(str, shop.values("SELECT customer_id FROM privacy.people LIMIT 1"))
    good = Statement(customer_id=who, purpose=Purpose.PROFILING, is_given=False, event_at=EARLIER)
    nobody = Statement(
        customer_id="nobody", purpose=Purpose.PROFILING, is_given=False, event_at=EARLIER
    )
    late = Statement(
        customer_id=who,
        purpose=Purpose.PROFILING,
        is_given=False,
        event_at=clock.now() + timedelta(hours=1),
    )
    for statements, words in (([good, nobody], "no delivery named"), ([good, late], "the future")):
        with pytest.raises(UsageError, match=rf"{words}.* \(number 2 of the list\)"):
            record_consent(shop.warehouse, statements, settings=shop.settings, by="test")
    assert shop.values("SELECT count(*) FROM privacy.consents") == [0]
    first = record_consent(shop.warehouse, [good], settings=shop.settings, by="test")
    again = record_consent(shop.warehouse, [good], settings=shop.settings, by="test")
    assert (first.written, again.written, again.duplicates) == (1, 0, 1)
    [entry] = newest_entries(shop.warehouse, shop.settings, limit=1, customer_id=who)
    assert entry.event == "consent_recorded"


def test_a_list_is_taken_whole_or_its_wrong_lines_are_named(shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "consents.csv"
    head = "customer_id,purpose,is_given,event_at\n"
    [one, two] = shop.numbers[:2]
    path.write_text(
        head + f"{one},profiling,no,2026-01-01 10:00\n{two},contact,yes,2026-01-02T08:00:00+00:00\n"
    )
    statements = read_statements(shop.warehouse, shop.settings, path)
    assert [each.purpose for each in statements] == [Purpose.PROFILING, Purpose.CONTACT]
    assert statements[0].customer_id == customer_id_of(shop.warehouse, shop.settings, one)
    path.write_text(
        head
        + f"{one},profiling,no,2026-01-01\n{two},selling,no,2026-01-01\n{two},contact,maybe,x\n"
    )
    with pytest.raises(UsageError, match=r"2 of 3 lines .*line 3: 'selling' .*line 4: is_given"):
        read_statements(shop.warehouse, shop.settings, path)
    path.write_text("number,purpose\n1,contact\n")
    with pytest.raises(UsageError, match="expected are customer_id, purpose, is_given, event_at"):
        read_statements(shop.warehouse, shop.settings, path)


def test_a_refusal_is_written_down_by_the_shops_number(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETENTION_WAREHOUSE_URL", shop.warehouse.url)
    monkeypatch.setenv("RETENTION_HOME", str(shop.settings.home))
    monkeypatch.setenv("RETENTION_PRIVACY__PSEUDONYMS", "true")
    number = shop.numbers[0]
    shown = CliRunner().invoke(
        app, ["people", "consent", number, "--purpose", "profiling", "--refused"]
    )
    assert shown.exit_code == 0, shown.output
    who = customer_id_of(shop.warehouse, shop.settings, number)
    assert shop.values("SELECT customer_id FROM privacy.consents") == [who]
    unknown = CliRunner().invoke(
        app, ["people", "consent", "C7777777", "--purpose", "contact", "--refused"]
    )
    assert unknown.exit_code == 2
    assert "no delivery named such a customer" in " ".join(unknown.output.split())
    assert "7777777" not in unknown.output
    both = CliRunner().invoke(app, ["people", "consent", number, "--file", "x.csv"])
    assert both.exit_code == 2


def test_what_was_said_stays_with_the_person_when_numbers_become_pseudonyms(
    shop_with_numbers: Shop,
) -> None:
    number = shop_with_numbers.numbers[0]
    _say(shop_with_numbers, number, Purpose.PROFILING, False)
    pseudonymise(shop_with_numbers.warehouse, settings=shop_with_numbers.settings)
    who = customer_id_of(shop_with_numbers.warehouse, shop_with_numbers.settings, number)
    assert who != number
    assert shop_with_numbers.values("SELECT customer_id FROM privacy.consents") == [who]
