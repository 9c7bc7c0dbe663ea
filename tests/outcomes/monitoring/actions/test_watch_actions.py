"""Alerts of actions: each once, again when it is worse, cleared when it is over."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from retention_ml.actions.catalogue.coupons import add_codes, give_codes
from retention_ml.actions.catalogue.last_good import store_catalogue
from retention_ml.actions.catalogue.loading import load_actions
from retention_ml.actions.outbox.dispatch import dispatch
from retention_ml.actions.outbox.message import State
from retention_ml.actions.outbox.settlement import messages_in, settle_message
from retention_ml.actions.outbox.switches import switch
from retention_ml.errors import ChannelError
from retention_ml.outcomes.monitoring.actions.watch_actions import watch_actions
from retention_ml.outcomes.monitoring.alerts import STANDING
from retention_ml.settings import Settings
from retention_ml.stack.postgres import free_port
from retention_ml.warehouse import Warehouse
from tests.worlds.decisions import write_actions
from tests.worlds.outbox import DAY, NOON, channel_settings, put, row
from tests.worlds.receivers import mail_server

HOUR = timedelta(hours=1)


@dataclass
class House:
    """A warehouse with messages, and what a watch says of it."""

    warehouse: Warehouse
    settings: Settings
    run: int = 0

    def watch(self, at: datetime = NOON) -> list[dict[str, Any]]:
        """The new alerts of a run of its own."""
        self.run += 1
        settings = self.settings.model_copy(update={"run_id": f"run-{self.run}"})
        receipt = watch_actions(self.warehouse, settings=settings, as_of=at.date(), now=at)
        return list(receipt.details["alerts"])

    def kinds(self, at: datetime = NOON) -> list[str]:
        """Their kinds."""
        return sorted(alert["kind"] for alert in self.watch(at))

    def standing(self) -> set[tuple[str, str]]:
        """Kind and subject of the alerts that readers see as not over."""
        rows = self.rows("SELECT kind, subject FROM reports.alerts WHERE cleared_at IS NULL")
        return {(each["kind"], each["subject"]) for each in rows}

    def rows(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        with self.warehouse.transaction() as transaction:
            return [each._asdict() for each in transaction.execute(sql, **parameters)]

    def change(self, sql: str, **parameters: Any) -> None:
        with self.warehouse.transaction() as transaction:
            transaction.execute(sql, **parameters)

    def unknown(self, *customers: str) -> None:
        """Messages of which nobody knows whether they arrived."""
        put(self.warehouse, [row(customer) for customer in customers])
        self.change(
            "UPDATE actions.outbox SET state = 'unknown', attempts = 1 WHERE customer_id = ANY (:ids)",
            ids=list(customers),
        )


@pytest.fixture
def house(warehouse: Warehouse, settings: Settings, tmp_path: Path) -> House:
    enabled = channel_settings(settings)
    folder = write_actions(tmp_path / "actions")
    return House(warehouse, enabled.model_copy(update={"actions_folder": folder}))


@pytest.fixture
def codes(house: House) -> Callable[[int], None]:
    """Gives so many of the hundred codes of the pool `ten` on the day."""
    with house.warehouse.transaction() as transaction:
        add_codes(transaction, "ten", [f"T{n}" for n in range(100)], loaded_at=NOON, run_id="test")

    def give(count: int) -> None:
        with house.warehouse.transaction() as transaction:
            give_codes(
                transaction,
                "ten",
                {f"m{n}": f"c{n}" for n in range(count)},
                as_of=DAY,
                given_at=NOON,
                run_id="test",
            )

    return give


@pytest.fixture
def stocked(codes: Callable[[int], None]) -> None:
    """Codes in the pool, so that nothing is said of it."""
    codes(1)


@pytest.mark.usefixtures("stocked")
def test_of_a_quiet_house_nothing_is_said(house: House) -> None:
    put(house.warehouse, [row("ann")])
    assert house.watch() == []
    assert house.rows("SELECT * FROM ops.alerts") == []


def test_nothing_is_said_where_nothing_may_leave(warehouse: Warehouse, settings: Settings) -> None:
    put(warehouse, [row("ann")])
    switch(warehouse, channel="all", is_stopped=True, who="ann", why="x", run_id="r")
    late = NOON + timedelta(days=3)
    receipt = watch_actions(warehouse, settings=settings, as_of=late.date(), now=late)
    assert receipt.details["alerts"] == []


@pytest.mark.usefixtures("stocked")
def test_unknown_messages_are_named_once_and_again_when_there_are_twice_as_many(
    house: House,
) -> None:
    house.unknown("ann")
    [alert] = house.watch()
    [message] = messages_in(house.warehouse, state="unknown")
    assert (alert["kind"], alert["subject"]) == ("unknown_messages", f"email, {DAY}")
    assert message["message_id"][:12] in alert["sentence"]
    assert "`retention outbox list --state unknown`" in alert["sentence"]
    assert "ann" not in alert["sentence"]
    assert house.watch() == []
    house.unknown("bob")
    [worse] = house.watch()
    assert "2 messages" in worse["sentence"]
    assert house.standing() == {("unknown_messages", f"email, {DAY}")}
    house.unknown("cyd")
    assert house.watch() == []


@pytest.mark.usefixtures("stocked")
def test_what_was_settled_is_cleared_and_may_come_again_on_the_same_day(house: House) -> None:
    house.unknown("ann")
    house.watch()
    [message] = messages_in(house.warehouse, state="unknown")
    settle_message(house.warehouse, number=message["message_id"], state=State.SENT, who="kim")
    assert house.watch() == []
    assert house.standing() == set()
    house.unknown("bob")
    assert house.kinds() == ["unknown_messages"]
    assert len(house.rows("SELECT * FROM ops.alerts")) == 2


@pytest.mark.usefixtures("stocked")
def test_a_run_that_was_cut_off_before_it_told_anybody_tells_again(house: House) -> None:
    house.unknown("ann")
    first = house.watch()
    house.run -= 1
    assert house.watch() == first
    assert len(house.rows("SELECT * FROM ops.alerts")) == 1


@pytest.mark.usefixtures("stocked")
def test_a_mail_server_that_is_down_is_told_once_and_cleared_when_it_is_back(house: House) -> None:
    put(house.warehouse, [row("ann")])
    down = house.settings.model_copy(update={"smtp_url": f"smtp://127.0.0.1:{free_port()}"})
    for at in (NOON, NOON + HOUR):
        with pytest.raises(ChannelError):
            dispatch(house.warehouse, settings=down, now=lambda: at)  # noqa: B023
    [alert] = house.watch()
    assert (alert["kind"], alert["subject"], alert["severity"]) == (
        "failing_channel", "email", "critical",
    )  # fmt: skip
    assert "The mail server of RETENTION_SMTP_URL takes no messages" in alert["sentence"]
    assert house.watch(NOON + HOUR) == []
    with mail_server() as server:
        up = house.settings.model_copy(update={"smtp_url": server.url})
        dispatch(house.warehouse, settings=up, now=lambda: NOON + 2 * HOUR)
    assert house.watch(NOON + 2 * HOUR) == []
    assert house.standing() == set()


@pytest.mark.usefixtures("stocked")
def test_messages_near_their_end_say_why_they_still_wait(house: House) -> None:
    put(house.warehouse, [row("ann"), row("bob", "webhook")])
    assert house.watch(NOON + 17 * HOUR) == []
    late = NOON + 19 * HOUR
    by_channel = {alert["subject"]: alert["sentence"] for alert in house.watch(late)}
    assert set(by_channel) == {"email", "webhook"}
    assert by_channel["email"].startswith(
        "One message by email still wait and will not be sent any more from 2026-03-02 12:00 UTC on."
    )
    assert "No run of dispatch has tried in the last hour" in by_channel["email"]
    assert house.watch(late + HOUR) == []


@pytest.mark.usefixtures("stocked")
def test_a_switch_that_is_on_is_the_reason_and_after_a_day_an_alert(house: House) -> None:
    put(house.warehouse, [row("ann")])
    switch(house.warehouse, channel="all", is_stopped=True, who="kim", why="misprint", run_id="r")
    house.change("UPDATE actions.switches SET changed_at = :at", at=NOON)
    [waiting] = house.watch(NOON + 19 * HOUR)
    assert waiting["kind"] == "expiring_messages"
    assert "Stopped since 2026-03-01 12:00 UTC by kim (misprint)" in waiting["sentence"]
    [stopped] = house.watch(NOON + 24 * HOUR)
    assert (stopped["kind"], stopped["subject"]) == ("stopped_channel", "all")
    assert "`retention actions resume all" in stopped["sentence"]
    switch(house.warehouse, channel="all", is_stopped=False, who="kim", why="mended", run_id="r")
    house.watch(NOON + 25 * HOUR)
    assert ("stopped_channel", "all") not in house.standing()


@pytest.mark.usefixtures("stocked")
def test_a_limit_that_is_used_up_is_called_so(house: House) -> None:
    limited = channel_settings(house.settings, per_hour=1)
    limited = limited.model_copy(update={"actions_folder": house.settings.actions_folder})
    put(house.warehouse, [row("ann"), row("bob")])
    with mail_server() as server:
        sending = limited.model_copy(update={"smtp_url": server.url})
        dispatch(house.warehouse, settings=sending, now=lambda: NOON + 19 * HOUR)
    house.settings = limited
    [alert] = house.watch(NOON + 19 * HOUR)
    assert "channels.email.per_hour (1) is used up" in alert["sentence"]


@pytest.mark.usefixtures("stocked")
def test_expired_messages_are_told_for_a_week(house: House) -> None:
    put(house.warehouse, [row("ann"), row("bob")])
    dispatch(house.warehouse, settings=house.settings, now=lambda: NOON + 25 * HOUR)
    [alert] = house.watch(NOON + 25 * HOUR)
    assert (alert["kind"], alert["subject"]) == ("expired_messages", f"email, {DAY}")
    assert "2 messages of 2026-03-01 by email could not be sent in time" in alert["sentence"]
    house.watch(NOON + timedelta(days=house.settings.monitoring.cooldown_days))
    assert house.standing() == set()


@pytest.mark.usefixtures("stocked")
def test_a_mistake_in_an_action_file_is_told_until_it_is_corrected(house: House) -> None:
    folder = house.settings.actions_folder
    with house.warehouse.transaction() as transaction:
        store_catalogue(transaction, load_actions(folder), as_of=DAY, stored_at=NOON, run_id="test")
    text = (folder / "mail.toml").read_text()
    (folder / "mail.toml").write_text(text + 'tierz = ["low"]\n')
    [alert] = house.watch()
    assert (alert["kind"], alert["subject"]) == ("action_files", "actions")
    assert "mail.toml" in alert["sentence"]
    assert "the actions in force since 2026-03-01 are used" in alert["sentence"]
    assert house.watch() == []
    (folder / "mail.toml").write_text(text + 'teirs = ["low"]\n')
    assert house.kinds() == ["action_files"]
    (folder / "mail.toml").write_text(text)
    house.watch()
    assert house.standing() == set()


def test_a_pool_is_told_when_it_is_nearly_empty_and_when_it_is(
    house: House, codes: Callable[[int], None]
) -> None:
    codes(10)
    assert house.watch() == []  # nine days are left
    codes(20)
    [nearly] = house.watch()
    assert (nearly["kind"], nearly["subject"]) == ("coupon_pool", "ten")
    assert "has 80 codes left, enough for 4.0 days like the last ones" in nearly["sentence"]
    codes(30)
    assert house.watch() == []
    codes(100)
    [empty] = house.watch()
    assert "has no code left: coupon is closed" in empty["sentence"]
    with house.warehouse.transaction() as transaction:
        more = [f"U{n}" for n in range(1_000)]
        add_codes(transaction, "ten", more, loaded_at=NOON, run_id="test")
    house.watch()
    assert house.standing() == set()


def test_a_pool_that_was_never_filled_is_not_set_up_and_no_alert(house: House) -> None:
    file = house.settings.actions_folder / "coupons" / "ten.txt"
    file.unlink()
    assert house.watch() == []
    # A file without a code was meant to be used.
    file.write_text("# codes follow\n", encoding="utf-8")
    [empty] = house.watch()
    assert (empty["kind"], empty["subject"]) == ("coupon_pool", "ten")
    assert "has no code left: coupon is closed" in empty["sentence"]
    file.unlink()
    house.watch()
    assert house.standing() == set()


def _waiting_day(house: House) -> None:
    house.change(
        "INSERT INTO actions.policies (policy_id, kind, version, in_force_from, parameters, "
        "evidence, reason, decided_by, decided_at, run_id) VALUES ('rule-1', 'rule', 1, "
        "'2026-01-01', '{}', '{}', 'test', 'test', :at, 'test')",
        at=NOON,
    )
    counts = ("population", "assigned", "excluded", "holdout", "contacts", "explored", "capped")
    house.change(
        f"INSERT INTO actions.days (as_of, policy_id, catalogue_sha256, status, reason, "
        f"{', '.join(f'{name}_count' for name in counts)}, budget_cents, cost_cents, money_price, "
        "explore_share, inputs_digest, assignments_digest, run_id, assigned_at) VALUES (:day, "
        "'rule-1', 'c', 'waiting', 'A person must agree to action mail.', 9, 9, 0, 0, 9, 0, 0, "
        "1, 0, 0, 0, 'i', 'a', 'test', :at)",
        day=DAY,
        at=NOON,
    )


@pytest.mark.usefixtures("stocked")
@pytest.mark.parametrize("verdict", ["approve", "reject"])
def test_a_day_that_waits_is_told_until_somebody_answered(house: House, verdict: str) -> None:
    _waiting_day(house)
    [alert] = house.watch()
    assert alert["kind"] == "waiting_approval"
    assert "9 contacts of 2026-03-01 wait" in alert["sentence"]
    assert f"approve --as-of {DAY} --by NAME" in alert["sentence"]
    assert house.watch() == []
    _answer(house, "rule-1", verdict)
    if verdict == "approve":  # and released
        house.change("UPDATE actions.days SET status = 'released', released_at = :at", at=NOON)
    house.watch()
    assert house.standing() == set()


def _answer(house: House, policy_id: str, verdict: str) -> None:
    house.change(
        "INSERT INTO actions.approvals (subject, subject_id, version, verdict, decided_by, reason, "
        "decided_at, run_id) VALUES ('policy', :policy_id, '1', :verdict, 'kim', '', :at, 'test')",
        policy_id=policy_id,
        verdict=verdict,
        at=NOON + HOUR,
    )


@pytest.mark.usefixtures("stocked")
def test_a_no_to_something_else_answers_nothing(house: House) -> None:
    _waiting_day(house)
    _answer(house, "rule-9", "reject")
    assert house.kinds() == ["waiting_approval"]


@pytest.mark.usefixtures("stocked")
def test_a_day_that_is_over_waits_for_nobody(house: House) -> None:
    _waiting_day(house)
    assert house.watch(NOON + 24 * HOUR) == []


def _look(house: House, metric: str, segment: str = "all", **changes: Any) -> None:
    values = {
        "verdict": "open", "is_broken": True, "day": DAY, "metric": metric, "segment": segment,
        "at": NOON,
    }  # fmt: skip
    house.change(
        "INSERT INTO experiments.looks (experiment_id, as_of, arm, metric, segment, "
        "decisions_count, treated_count, method, is_broken, sample_ratio_e, verdict, reason, "
        "run_id, looked_at) VALUES ('spring', :day, 'mail', :metric, :segment, 10, 5, 'betting', "
        ":is_broken, 1, :verdict, 'Reason.', 'test', :at)",
        **{**values, **changes},
    )


def _experiment(house: House, state: str, arm: str | None = None) -> None:
    house.change(
        "INSERT INTO experiments.states (experiment_id, state, since, arm, reason, decided_by, "
        "decided_at, run_id) VALUES ('spring', :state, :day, :arm, 'Because.', 'x', :at, 'test')",
        state=state,
        day=DAY,
        arm=arm,
        at=NOON,
    )


@pytest.fixture
def spring(house: House) -> House:
    house.change(
        "INSERT INTO experiments.experiments (experiment_id, question, arms, shares, tiers, "
        "metric, unit, error_rate, power, mde_save_rate, days_max, sizes, planned_count, "
        "missing_count, planned_as_of, planned_by, planned_at, run_id) VALUES ('spring', '?', "
        "'{none,mail}', '{0.5,0.5}', '{low}', 'margin', 'decision', 0.05, 0.8, 0.1, 182, '{}', "
        "100, 0, :day, 'kim', :at, 'test')",
        day=DAY,
        at=NOON,
    )
    _experiment(house, "open")
    return house


@pytest.mark.usefixtures("stocked")
@pytest.mark.parametrize(
    ("state", "arm", "kind", "severity", "words"),
    [
        ("won", "mail", "decided_experiment", "warning", "mail won: it is better than"),
        ("lost", None, "decided_experiment", "warning", "no action of it is left"),
        ("undecided", None, "decided_experiment", "warning", "its time is over"),
        ("invalid", None, "invalid_experiment", "critical", "is invalid since 2026-03-01"),
    ],
)
def test_the_end_of_an_experiment_is_told_once(
    spring: House, state: str, arm: str | None, kind: str, severity: str, words: str
) -> None:
    assert spring.watch() == []
    _experiment(spring, state, arm)
    [alert] = spring.watch()
    assert (alert["kind"], alert["subject"], alert["severity"]) == (kind, "spring", severity)
    assert words in alert["sentence"]
    assert "Because." in alert["sentence"]
    assert [spring.watch(NOON + timedelta(days=days)) for days in (1, 6, 8, 30)] == [[]] * 4
    assert spring.standing() == set()


@pytest.mark.usefixtures("stocked")
def test_one_that_a_person_stopped_is_no_news(spring: House) -> None:
    _experiment(spring, "stopped")
    assert spring.watch() == []


@pytest.mark.usefixtures("stocked")
def test_each_broken_guard_is_told_and_those_of_an_older_look_are_over(spring: House) -> None:
    _look(spring, "unsubscribed")
    _look(spring, "retained", "low")
    _look(spring, "returned", is_broken=False)
    alerts = spring.watch()
    assert {(alert["kind"], alert["severity"]) for alert in alerts} == {
        ("broken_guard", "critical")
    }
    subjects = {alert["subject"]: alert["sentence"] for alert in alerts}
    assert set(subjects) == {"spring: unsubscribed of mail", "spring: retained of mail in tier low"}
    assert "mail makes fewer customers in tier low come back" in "".join(subjects.values())
    assert spring.watch() == []
    _look(spring, "unsubscribed", is_broken=False, day=DAY + timedelta(days=1))
    spring.watch(NOON + 24 * HOUR)
    assert spring.standing() == set()


@pytest.mark.usefixtures("stocked")
def test_figures_of_an_invalid_experiment_break_no_guard(spring: House) -> None:
    _look(spring, "unsubscribed", verdict="invalid")
    assert spring.watch() == []


@pytest.mark.usefixtures("stocked")
def test_a_past_day_neither_raises_nor_clears(house: House) -> None:
    house.unknown("ann")
    house.watch()
    house.change(
        "INSERT INTO ops.alerts (as_of, kind, subject, severity, sentence, runbook, evidence, "
        "run_id, raised_at) VALUES (:day, 'stopped_channel', 'all', 'warning', 's', 'r', '{}', "
        "'x', :at)",
        day=DAY,
        at=NOON,
    )
    before = house.standing()
    house.change("UPDATE actions.outbox SET state = 'sent'")
    house.change("ALTER TABLE scores.published DISABLE TRIGGER ALL")
    house.change(
        "INSERT INTO scores.published SELECT (jsonb_populate_record(NULL::scores.published, "
        "jsonb_build_object('as_of', '2026-03-02', 'snapshot_id', 1, 'published_at', "
        "'2026-03-02T00:00:00Z', 'run_id', 'x', 'epoch', 1))).*"
    )
    assert house.watch() == []
    assert house.standing() == before
    house.watch(NOON + 24 * HOUR)
    assert house.standing() == set()


def test_every_kind_that_stands_is_tested_here() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert len(STANDING) == len(set(STANDING))
    assert [kind for kind in STANDING if f'"{kind}"' not in text] == []
