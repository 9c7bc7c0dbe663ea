"""What the closed loop has written down, beside what happened: messages, contacts, orders, money."""

import csv
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from rich.console import Console

from benchmarks.closed_loop_shop import ACTIONS, COST, WINDOW_DAYS, LivingShop
from retention_ml import clock
from retention_ml.actions.learning.load_evidence import load_evidence
from retention_ml.actions.learning.policy_effects import policy_effects
from retention_ml.maintenance.invariants import violations
from retention_ml.settings import Settings
from retention_ml.simulate.response import contact_log
from retention_ml.simulate.response.continued_shop import continued
from retention_ml.simulate.response.potential_outcomes import potential_outcomes
from retention_ml.simulate.response.respond import shop_at
from retention_ml.statistics.arrays import Floats
from retention_ml.statistics.metrics import Z_95
from retention_ml.warehouse import Warehouse

Triple = tuple[str, str, str]

_LEDGER = (
    "SELECT message_id, CAST(as_of AS text) AS as_of, customer_id, action_id, channel "
    "FROM actions.outbox WHERE state IN ('sent', 'unknown')"
)
_STATES = "SELECT channel, state, count(*) FROM actions.outbox GROUP BY 1, 2 ORDER BY 1, 2"
# The day is in the campaign's name: DECIDED_BY@DAY/SHARE.
_RETURNED = (
    "SELECT split_part(split_part(campaign_id, '@', 2), '/', 1) AS as_of, customer_id, "
    "campaign_type AS action_id FROM curated.campaign_contacts "
    "WHERE source = 'actions' AND kind = 'sent' AND superseded_at IS NULL"
)
_ORDERS = (
    "SELECT count(DISTINCT order_id) FROM curated.orders WHERE superseded_at IS NULL "
    "AND kind = 'purchase' AND event_at >= :since AND event_at < :until"
)
_HOLDOUT = (
    "SELECT metric, as_of, units_count, control_count, effect, lower, upper, verdict "
    "FROM reports.incrementality WHERE evidence = 'holdout' AND is_newest ORDER BY metric"
)
_LOT = (
    "SELECT CAST(as_of AS text) AS as_of, customer_id, action_id FROM actions.assignments "
    "WHERE is_explored AND action_id <> 'none'"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """True effects of contacts, in the shop's currency: shape (contacts,).

    `without_permission` counts contacts of customers who had withdrawn the channel before.
    """

    contacts: list[Triple]
    margin: Floats
    retained: Floats
    without_permission: int


def compare(warehouse: Warehouse, settings: Settings, shop: LivingShop, console: Console) -> int:
    """Print ledger and truth side by side; how many of them do not agree."""
    with warehouse.transaction() as transaction:
        ledger = transaction.execute(_LEDGER)
        states = transaction.execute(_STATES)
        returned = {tuple(row) for row in transaction.execute(_RETURNED)}
        holdout = transaction.execute(_HOLDOUT)
        drawn = {tuple(row) for row in transaction.execute(_LOT)}
    console.print("\nMessages: " + ", ".join(f"{c} {s} {n}" for c, s, n in states))
    by_channel: dict[str, set[str]] = {}
    for row in ledger:
        by_channel.setdefault(row.channel, set()).add(row.message_id)
    received = settings.home / "received"
    lived = {
        (str(each.as_of), each.customer_id, each.action_id)
        for day in contact_log.days_lived(shop.folder)
        for each in contact_log.recorded(shop.folder, day)
    }
    sent = {(row.as_of, row.customer_id, row.action_id) for row in ledger}
    # What was sent on the last decision day comes back with the next ingest.
    last = max((day for day, *_ in sent), default="")
    before_last = {each for each in sent if each[0] < last}
    effects = true_effects(shop)
    checks = [
        same("mails", by_channel.get("email", set()), _numbers(received / "mails", ".eml")),
        same(
            "requests", by_channel.get("webhook", set()), _numbers(received / "requests", ".json")
        ),
        same("rows in files", by_channel.get("file", set()), _rows(settings)),
        same("contacts that the shop lived through", sent, lived),
        same("own contacts that came back", before_last, {r for r in returned if r[0] < last}),
        _orders(warehouse, settings, shop),
        ("contacts without permission", 0, unasked := effects.without_permission, unasked == 0),
        ("invariants broken", 0, broken := len(violations(warehouse)), broken == 0),
    ]
    for what, expected, actual, is_right in checks:
        console.print(
            f"{'✓' if is_right else '✗'} {what}: ledger {expected}, truth {actual}",
            highlight=False,
        )
    _print_money(console, effects, drawn)
    _print_readout(console, warehouse, settings, effects, drawn, last)
    for row in holdout:
        console.print(
            f"holdout, {row.metric} until {row.as_of}: {row.effect:+.2f} per customer "
            f"[{_text(row.lower)}, {_text(row.upper)}], {row.units_count} customers, "
            f"{row.control_count} left alone: {row.verdict}"
        )
    return sum(not is_right for *_, is_right in checks)


def true_effects(shop: LivingShop) -> Effects:
    """What each contact was expected to change in the window after it, in closed form."""
    simulation, world = shop.simulation, shop.truth
    days = contact_log.days_lived(shop.folder)
    by_day = {simulation.day_number(day): contact_log.recorded(shop.folder, day) for day in days}
    contacts: list[Triple] = []
    without_permission = 0
    margin, retained = [np.zeros(0)], [np.zeros(0)]
    for day in days:
        number = simulation.day_number(day)
        if not by_day[number]:
            continue
        earlier = {one: rows for one, rows in by_day.items() if one <= number}
        lived = continued(simulation, world, earlier, number)
        sent = lived.sent[number]
        without_permission += int(lived.withdrawn_before[sent.channel, sent.customer].sum())
        opening = day + timedelta(days=1)
        if opening not in days:
            continue
        here = shop_at(simulation, world, out=shop.folder, day=opening)
        truth = potential_outcomes(here, sent.customer, WINDOW_DAYS)
        rows = np.arange(len(sent))
        reached = ~sent.bounced
        margin.append(truth.margin_effect_cents[rows, sent.action] * reached / 100)
        retained.append(truth.purchase_effect[rows, sent.action] * reached)
        contacts += [
            (str(day), f"C{customer + 1:07d}", name)
            for customer, name in zip(sent.customer.tolist(), sent.action_id, strict=True)
        ]
    return Effects(
        contacts=contacts,
        margin=np.concatenate(margin),
        retained=np.concatenate(retained),
        without_permission=without_permission,
    )


def _print_money(console: Console, effects: Effects, drawn: set[Triple]) -> None:
    by_lot = np.array([each in drawn for each in effects.contacts], dtype=np.bool_)
    console.print("\nTrue net margin of contacts (margin changed, less cost):")
    for what, rows in (("all", by_lot | True), ("by lot", by_lot), ("chosen", ~by_lot)):
        net = effects.margin[rows] - COST
        mean = f", {net.mean():+.3f} each" if len(net) else ""
        console.print(f"  {what}: {len(net)} contacts, {net.sum():+,.0f} in all{mean}")


def _print_readout(
    console: Console,
    warehouse: Warehouse,
    settings: Settings,
    effects: Effects,
    drawn: set[Triple],
    last: str,
) -> None:
    """Effects by the platform's ledger of lots, beside the truth about the same contacts."""
    as_of = date.fromisoformat(last)
    evidence = load_evidence(
        warehouse,
        settings,
        as_of=as_of,
        actions=("none", *ACTIONS),
        effect_days=dict.fromkeys(ACTIONS, WINDOW_DAYS),
    )
    closed = str(as_of - timedelta(days=WINDOW_DAYS + settings.churn.settle_days))
    console.print(f"\nReadout of {len(evidence)} decisions drawn by lot, as known on {last}:")
    for action_id in ACTIONS:
        rows = evidence.against_none(action_id)
        if not len(rows):
            continue
        place = evidence.actions.index(action_id)
        treated = evidence.action[rows] == place
        chance = evidence.chances[rows]
        propensity = chance[:, place] / (chance[:, place] + chance[:, 0])
        same = np.array(
            [
                each in drawn and each[2] == action_id and each[0] <= closed
                for each in effects.contacts
            ]
        )
        if not same.any():
            continue
        gross = evidence.margin[rows] + evidence.cost[rows]
        for what, outcome, truth in (
            ("margin", gross, effects.margin[same]),
            ("retained", evidence.retained[rows], effects.retained[same]),
        ):
            value, error = difference(outcome, treated, propensity, evidence.customer[rows])
            inside = abs(value - truth.mean()) <= Z_95 * error
            console.print(
                f"  {action_id}, {what}: {value:+.3f} ± {Z_95 * error:.3f}, truth "
                f"{truth.mean():+.3f} ({len(truth)} contacts){'' if inside else ', outside'}"
            )
    for row in policy_effects(warehouse)[: 2 * len(ACTIONS)]:
        console.print(
            f"  policy {row['policy_id']} from {row['in_force_from']}, {row['action_id'] or 'all'}: "
            f"{row['reason']}"
        )


def difference(
    outcome: Floats, treated: np.ndarray, propensity: Floats, customer: np.ndarray
) -> tuple[float, float]:
    """Weighted difference of means and its error, customers taken as the units (Hájek)."""
    weight = np.where(treated, 1 / propensity, 1 / (1 - propensity))
    means = [np.average(outcome[arm], weights=weight[arm]) for arm in (treated, ~treated)]
    shares = [weight[arm].sum() for arm in (treated, ~treated)]
    residual = np.where(
        treated,
        weight * (outcome - means[0]) / shares[0],
        -weight * (outcome - means[1]) / shares[1],
    )
    by_customer = np.bincount(customer, residual)
    return float(means[0] - means[1]), float(np.sqrt(by_customer @ by_customer))


def same(what: str, ledger: set, truth: Iterable) -> tuple[str, int, int, bool]:
    """Whether both hold the same, and the truth each of it once."""
    counts = Counter(truth)
    return (
        what,
        len(ledger),
        counts.total(),
        set(counts) == ledger and counts.total() == len(ledger),
    )


def _orders(
    warehouse: Warehouse, settings: Settings, shop: LivingShop
) -> tuple[str, int, int, bool]:
    """Orders of the weeks that were taken in, in the warehouse and in the shop's files."""
    lived = contact_log.days_lived(shop.folder)
    zone = settings.calendar.timezone
    with warehouse.transaction() as transaction:
        [(published,)] = transaction.execute("SELECT max(as_of) FROM scores.published")
        until = min(published, lived[-1])
        [(curated,)] = transaction.execute(
            _ORDERS, since=clock.midnight(lived[0], zone), until=clock.midnight(until, zone)
        )
    numbers: set[str] = set()
    for day in lived:
        path = shop.folder / f"order_lines_{day}.csv"
        if day < until and path.exists():
            with path.open(newline="", encoding="utf-8") as file:
                numbers |= {row["order_id"] for row in csv.DictReader(file)}
    sales = {number for number in numbers if not number.startswith(("C", "R"))}
    return "orders", int(curated), len(sales), int(curated) == len(sales)


def _numbers(folder: Path, suffix: str) -> list[str]:
    return [path.name.partition(".")[0] for path in folder.glob(f"*{suffix}")]


def _rows(settings: Settings) -> list[str]:
    folder = settings.home / settings.channels.file.folder
    numbers: list[str] = []
    for path in sorted(folder.rglob("*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            numbers += [row["message_id"] for row in csv.DictReader(file)]
    return numbers


def _text(value: float | None) -> str:
    return "–" if value is None else f"{value:+.2f}"
