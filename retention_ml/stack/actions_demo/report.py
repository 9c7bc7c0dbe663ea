"""What the demonstration of actions prints at its end, for whoever looks after customers."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape

from retention_ml.stack import demo_report
from retention_ml.stack.actions_demo.outcome import days_of

Say = Callable[[str], None]

_STATEMENTS = {
    ("email", "granted"): "subscribed by e-mail",
    ("email", "withdrawn"): "of these unsubscribed again",
    ("email", "bounced"): "of these have an address that bounced",
    ("email", "complained"): "of these complained about a mail",
    ("push", "granted"): "permit pushes to the app",
}


def show(outcome: Mapping[str, Any], console: Console) -> None:
    """Print what came out as tables."""

    def say(sentence: str) -> None:
        console.print(f"{sentence}\n", highlight=False, markup=False, soft_wrap=True)

    say(
        f"Everything below lies in {outcome['home']}: a warehouse of the demonstration's own. "
        "Nothing of `make demo` or of your shop was read or changed, and no message left this "
        "machine."
    )
    _summary(outcome, say)
    _permissions(outcome, console, say)
    _decisions(outcome, console, say)
    _one_customer(outcome, console)
    _messages(outcome, console, say)
    _received(outcome, console, say)
    _campaigns(outcome, console, say)
    _ends(outcome, console)


def _summary(outcome: Mapping[str, Any], say: Say) -> None:
    """The whole in a paragraph."""
    states: Counter[str] = Counter()
    for row in outcome["messages"]:
        states[row["state"]] += row["messages"]
    mails, requests, delta = outcome["mails"], outcome["requests"], outcome["delta"]
    rows = delta["rows"] if delta else 0
    twice = mails["twice"] + requests["twice"]
    say(
        f"In short: {states.total():,} messages were decided on {_sending_days(outcome)} days. "
        f"{mails['messages']:,} arrived as mails, {requests['messages']:,} as requests to the "
        f"CRM and {rows:,} as rows of a file. Came twice: {twice}. Refused by the mail server: "
        f"{states['failed']}. Held back, because the customer had just left the newsletter: "
        f"{states['suppressed']}. Nobody was chosen by an assumption: until an effect is measured all "
        "contacts are drawn by lot."
    )
    say(
        "The starter model scored: it was trained on other shops, so trust the order of the "
        "customers, not the level of their probabilities."
    )


def _sending_days(outcome: Mapping[str, Any]) -> int:
    return sum(row["status"] == "released" for row in outcome["days"])


def _permissions(outcome: Mapping[str, Any], console: Console, say: Say) -> None:
    rows = [(outcome["customers"], "customers have ordered")]
    for row in outcome["permissions"]:
        words = _STATEMENTS.get((row["channel"], row["kind"]), f"{row['channel']}: {row['kind']}")
        if row["kind"] == "granted" and row["without_address"]:
            words += f", {row['without_address']} of them without an address"
        rows.append((row["customers"], words))
    _table(console, "Permissions: MADE UP, and so are the addresses", ("customers", ""), rows)
    say(
        "Complete Journey has no permissions: these are drawn from the customers' numbers. Who is "
        "not among them never permitted anything, and is not contacted."
    )


def _decisions(outcome: Mapping[str, Any], console: Console, say: Say) -> None:
    rows = [
        (
            row["as_of"],
            row["status"],
            row["population_count"],
            row["assigned_count"],
            row["contacts_count"],
            f"{row['cost']:.2f} of {row['budget']:.2f}",
            row["reason"],
        )
        for row in outcome["days"]
    ]
    _table(
        console,
        "Decision days",
        (
            "day", "status", "active customers", "could get an action", "gets one",
            f"expected cost ({outcome['currency']})", "because",
        ),
        rows,
    )  # fmt: skip
    agreed = [f"{row['subject']} {row['subject_id']}" for row in outcome["approvals"]]
    if agreed:
        say(
            f"{outcome['approvals'][0]['decided_by']} agreed to: {', '.join(agreed)}. Without "
            "that nothing leaves the house; nobody is asked twice for the same version."
        )
    days = days_of(outcome["whereabouts"])
    counts = [
        (place["place"], *(place["days"].get(day, 0) for day in days), place["meaning"])
        for place in outcome["whereabouts"]
    ]
    total = [sum(row[1 + index] for row in counts) for index in range(len(days))]
    by_day = {str(row["as_of"]): row["population_count"] for row in outcome["days"]}
    population = [by_day.get(day, 0) for day in days]
    _table(
        console,
        "Who was contacted, and why the others were not: each customer is counted once",
        ("", *(str(day) for day in days), "meaning"),
        [
            *counts,
            ("together", *total, ""),
            ("active customers", *population, "all who were scored on the day, or could not be"),
        ],
    )


def _one_customer(outcome: Mapping[str, Any], console: Console) -> None:
    row = outcome["next_action"]
    if row is None:
        return
    money = outcome["currency"]
    _table(
        console,
        "One customer, as reports.next_action shows them",
        ("", ""),
        [
            ("customer", row["customer_id"]),
            ("risk", f"{row['risk_tier']}: {row['churn_probability']:.0%} will not order again"),
            (
                "because",
                ". ".join(str(row[f"reason_{i}"]) for i in (1, 2, 3) if row[f"reason_{i}"]),
            ),
            ("value at risk", f"{row['expected_value_at_risk']:,.2f} {money}"),
            ("action", row["action_id"]),
            ("why", row["why"]),
            ("probability of this action", f"{row['propensity']:.3f}, logged before the draw"),
            ("expected margin after cost", f"{row['expected_margin']:,.2f} {money} (assumed)"),
            ("policy", f"{row['policy_id']}: {row['policy_reason']}"),
            ("message", row["state"]),
        ],
    )


def _messages(outcome: Mapping[str, Any], console: Console, say: Say) -> None:
    _table(
        console,
        "Messages of all days",
        ("action", "channel", "became", "messages"),
        [(r["action_id"], r["channel"], r["state"], r["messages"]) for r in outcome["messages"]],
    )
    _table(
        console,
        "Messages that were not sent",
        ("day", "customer", "action", "became", "because"),
        [
            (row["as_of"], row["customer_id"], row["action_id"], row["state"], _because(row))
            for row in outcome["trouble"]
        ],
    )
    _table(
        console,
        "What this run sent",
        ("day", "while stopped", "sent", "not sent", "dispatch once more"),
        [
            (
                run["day"],
                f"0 of {run['stopped']['due']}" if _is_quiet(run) else _stopped(run),
                run["sent"].get("sent", 0),
                sum(count for end, count in run["sent"].items() if end != "sent"),
                run["sent_again"],
            )
            for run in outcome["this_run"]
            if run["status"] == "released"
        ],
    )
    for switch in outcome["switches"]:
        verb = "stopped" if switch["is_stopped"] else "resumed"
        say(f"{switch['who']} {verb} everything: {switch['why']}")


def _is_quiet(run: Mapping[str, Any]) -> bool:
    return bool(run["stopped"]) and run["stopped"]["sent"] == 0


def _stopped(run: Mapping[str, Any]) -> str:
    return "–" if run["stopped"] is None else f"{run['stopped']['sent']} of {run['stopped']['due']}"


def _because(row: Mapping[str, Any]) -> str:
    if row["state"] == "suppressed":
        return "they left the newsletter after the decision and before the mails left"
    if row["answer_code"]:
        return f"the mail server: {row['answer_code']} {row['answer']}; not written to again"
    return "–"


def _received(outcome: Mapping[str, Any], console: Console, say: Say) -> None:
    mails, requests, delta = outcome["mails"], outcome["requests"], outcome["delta"]
    rows = [
        ("mail server", mails["received"], mails["messages"], mails["twice"], "–"),
        (
            "CRM (webhook)",
            requests["received"],
            requests["messages"],
            requests["twice"],
            f"all; {outcome['strangers']} refused",
        ),
    ]
    _table(
        console,
        "What was received in all runs",
        ("by", "received", "messages", "received twice", "signature is genuine"),
        rows,
    )
    if mail := mails["sample"]:
        headers = [f"{name}: {mail[name]}" for name in mail if name not in ("text", "file")]
        console.print("[bold]A mail, whole (its text; there is HTML too)[/bold]")
        say("\n".join(f"    {line}" for line in (*headers, "", *mail["text"].splitlines())))
    if requests["sample"]:
        console.print("[bold]A request to the CRM[/bold]")
        text = json.dumps(requests["sample"], ensure_ascii=False, indent=2)
        say("\n".join(f"    {line}" for line in text.splitlines()))
    if delta is None:
        say("No file was written for a CRM: nobody was drawn for that action.")
    else:
        _table(
            console,
            f"The newest of {delta['files']} files for a CRM",
            ("manifest", ""),
            [*delta["manifest"].items(), ("folder", delta["folder"])],
        )
        _table(
            console,
            "A row of it",
            ("column", "value"),
            [(name, value) for name, value in delta["row"].items() if value],
        )
    _table(
        console,
        "Back through the ingest",
        ("rows", "kind"),
        [(row["row_count"], row["kind"]) for row in outcome["returned"]],
    )


def _campaigns(outcome: Mapping[str, Any], console: Console, say: Say) -> None:
    rows = [
        (
            row["campaign"],
            row["began_on"],
            row["customers"],
            f"{row['sent_share']:.0%}",
            f"{row['difference']:+,.0f}",
            f"{row['auc']:.2f}",
            "observational" if row["is_observational"] else "drawn by lot",
        )
        for row in outcome["campaigns"]
    ]
    _table(
        console,
        "The grocer's own largest campaigns: may their effect be measured?",
        (
            "campaign", "began", "active customers", "sent to",
            f"spent more than the others in 28 days ({outcome['currency']})",
            "AUC of foreseeing whom", "verdict",
        ),
        rows,
    )  # fmt: skip
    if outcome["campaigns"]:
        first = outcome["campaigns"][0]
        say(f"Campaign {first['campaign']}: {first['reason']}")
        say(
            f"See for yourself: .venv/bin/retention uplift evaluate {first['file']} "
            "--treatment sent --outcome spend_28d"
        )


def _ends(outcome: Mapping[str, Any], console: Console) -> None:
    seconds = outcome["seconds"]
    here = f"RETENTION_HOME={outcome['home']} .venv/bin/retention"
    chosen = outcome["next_action"]
    customer = f"{chosen['customer_id']} --as-of {chosen['as_of']}" if chosen else "CUSTOMER"
    rows: Sequence[tuple[str, str]] = [
        ("mails and requests", f"{outcome['home']}/received"),
        ("actions and templates", f"{outcome['home']}/catalogue"),
        (
            "one customer",
            f"{here} actions explain {customer}",
        ),
        ("messages", f"{here} outbox list"),
        ("every promise kept", f"{here} doctor --data"),
        ("stop its Postgres", "make down"),
        ("begin anew", f"rm -r {outcome['home']}"),
    ]
    steps = [*seconds.items(), ("in all", sum(seconds.values()))]
    _table(console, "Time", ("step", "seconds"), steps)
    _table(console, "Where to look", ("", ""), rows)


def _table(
    console: Console, title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    """A table whose texts are shown as they are: `[actions]` is no mark-up."""
    shown = [[escape(v) if isinstance(v, str) else v for v in row] for row in rows]
    demo_report.print_table(console, title, columns, shown)
