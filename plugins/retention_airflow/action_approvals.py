"""What a person is asked before the actions of a day leave the house, and what their answer means."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from retention_airflow.approvals import Approval


def is_needed(assigned: Mapping[str, Any]) -> bool:
    """Whether the day waits for a person; `assigned` is the receipt of `assign`."""
    return assigned["status"] == "waiting" and bool(assigned["questions"])


def left_out(assigned: Mapping[str, Any], is_enabled: bool) -> list[str]:
    """The tasks after `assign` that have nothing to do: nobody is asked, nothing leaves the house."""
    nobody_is_asked = [] if is_needed(assigned) else ["question"]
    return nobody_is_asked + ([] if is_enabled else ["release"])


def is_answered(standing: Mapping[str, Any], *, asked: Mapping[str, Any]) -> bool:
    """Whether the answer to one receipt of `assign` is one to all that the day waits for in another."""
    return is_needed(standing) and all(each in asked["questions"] for each in standing["questions"])


def question(assigned: Mapping[str, Any]) -> dict[str, str]:
    """Subject and body (Markdown) of the question; `assigned` is the receipt of `assign`."""
    contacts = {name: count for name, count in assigned["actions"].items() if name != "none"}
    rows = [f"| {name} | {count:,} |" for name, count in contacts.items()]
    asked = [
        f"* {each['subject']} `{each['subject_id']}` (`{each['version'][:12]}`)"
        for each in assigned["questions"]
    ]
    share = assigned["cost_cents"] / assigned["budget_cents"]
    return {
        "subject": f"Send the actions of {assigned['as_of']} to "
        f"{assigned['contacts_count']:,} customers?",
        "body": "\n\n".join(
            [
                "Without an answer nothing is sent. You agree to:\n\n" + "\n".join(asked),
                "\n".join(["| action | customers |", "|---|---|", *rows]),
                f"They are expected to cost {share:.0%} of the day's budget. "
                f"{assigned['holdout_count']:,} customers are left alone as the holdout, "
                f"{assigned['explored_count']:,} actions were drawn by lot.",
                "`retention actions show NAME` shows a message; `reports.next_action` who gets it.",
            ]
        ),
    }


def answer(response: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The arguments of `approve` that follow from a person's answer; None where nobody answered.

    Parameters
    ----------
    response : mapping of str to object, optional
        See `approvals.response_to`.
    """
    user = (response or {}).get("responded_by_user") or {}
    who = str(user.get("name") or user.get("id") or "")
    if not response or not who:
        return None
    answered_at = response.get("responded_at")
    return {
        "by": who,
        "answered_at": datetime.fromisoformat(answered_at) if answered_at else None,
        "reason": str((response.get("params_input") or {}).get("why") or ""),
        "is_rejected": list(response.get("chosen_options") or ()) != [Approval.APPROVE],
    }
