"""A decision day of the demonstration on a small shop: what is sent, refused, stopped, withdrawn."""

from retention_ml.maintenance.invariants import violations
from tests.stack.actions_demo.conftest import FOLLOWING, Rehearsal
from tests.worlds.decisions import DAY


def sent(states: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in states.items() if name.endswith("sent")}


def test_a_day_is_approved_once_and_sent_once_on_every_channel(rehearsal: Rehearsal) -> None:
    done = rehearsal.run()
    assert done.approved is not None
    assert done.approved.startswith("CRM manager (demonstration) approves policy rule-1")
    states = rehearsal.states()
    assert set(states) == {"email sent", "webhook sent", "file sent"}
    assert (len(rehearsal.mails()), len(rehearsal.requests())) == (
        states["email sent"],
        states["webhook sent"],
    )
    assert done.sent == {"sent": sum(states.values())}
    assert done.sent_again == 0
    assert done.returned > sum(states.values())  # with those who were left alone
    again = rehearsal.run()
    assert (again.approved, again.sent, again.sent_again, again.returned) == (None, {}, 0, 0)
    assert len(rehearsal.mails()) == states["email sent"]
    assert violations(rehearsal.warehouse) == []


def test_an_address_without_a_mailbox_is_not_written_to_again(rehearsal: Rehearsal) -> None:
    done = rehearsal.run(refuses=True)
    assert done.sent["failed"] == 1
    [failed] = rehearsal.shop.rows(
        "SELECT customer_id, address, attempt.code FROM actions.outbox AS message "
        "JOIN actions.attempts AS attempt USING (message_id) WHERE state = 'failed'"
    )
    assert failed["code"] == "550"
    assert not any(failed["address"].encode() in mail.read_bytes() for mail in rehearsal.mails())
    assert rehearsal.run(refuses=True).sent == {}
    bounced = rehearsal.shop.rows(
        "SELECT customer_id FROM curated.contact_permissions "
        "WHERE kind = 'bounced' AND source = 'actions'"
    )
    assert [row["customer_id"] for row in bounced] == [failed["customer_id"]]
    rehearsal.publish(FOLLOWING)
    rehearsal.run(FOLLOWING)
    after = rehearsal.shop.rows(
        "SELECT channel FROM actions.assignments JOIN actions.outbox USING (as_of, customer_id) "
        f"WHERE as_of = DATE '{FOLLOWING}' AND customer_id = '{failed['customer_id']}'"
    )
    assert {row["channel"] for row in after} <= {"webhook"}


def test_nothing_leaves_while_everything_is_stopped(rehearsal: Rehearsal) -> None:
    done = rehearsal.run(stops=True)
    assert done.stopped is not None
    assert done.stopped["due"] > 20
    assert done.stopped["sent"] == 0
    assert done.sent == {"sent": done.stopped["due"]}
    switches = rehearsal.shop.rows("SELECT is_stopped FROM actions.switches ORDER BY switch_id")
    assert [row["is_stopped"] for row in switches] == [True, False]
    assert rehearsal.run(stops=True).stopped is None  # nothing was due


def test_who_leaves_the_newsletter_before_the_mails_do_gets_none(rehearsal: Rehearsal) -> None:
    done = rehearsal.run(withdraws=True)
    assert done.sent["suppressed"] == 1
    [held_back] = rehearsal.shop.rows(
        "SELECT customer_id FROM actions.outbox WHERE state = 'suppressed'"
    )
    [withdrawn] = rehearsal.shop.rows(
        "SELECT customer_id, event_at FROM curated.contact_permissions WHERE kind = 'withdrawn'"
    )
    assert withdrawn["customer_id"] == held_back["customer_id"]
    assert f"{withdrawn['event_at']:%Y-%m-%d %H:%M}" == f"{DAY} 08:30"
    assert done.sent["sent"] == sum(sent(rehearsal.states()).values())
    again = rehearsal.run(withdraws=True)
    assert again.sent == {}
    assert len(rehearsal.shop.rows("SELECT 1 FROM actions.outbox WHERE state = 'suppressed'")) == 1


def test_contacts_have_the_time_of_the_shop_and_not_that_of_the_run(rehearsal: Rehearsal) -> None:
    rehearsal.run()
    [times] = rehearsal.shop.rows(
        "SELECT min(event_at) AS first, max(event_at) AS last FROM curated.campaign_contacts "
        "WHERE source = 'actions' AND kind = 'sent'"
    )
    assert (times["first"].date(), times["last"].date()) == (DAY, DAY)
    assert times["first"].hour == 9
