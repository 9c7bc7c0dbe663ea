"""Rules, measures and ranks on counts by hand."""

from collections.abc import Mapping
from dataclasses import fields

import numpy as np
import pyarrow as pa
import pytest

from retention_ml.abnormal.behaviour import Behaviour, behaviour
from retention_ml.abnormal.evidence import evidence
from retention_ml.abnormal.findings import findings
from retention_ml.abnormal.isolation import isolation
from retention_ml.abnormal.kinds import Kind
from retention_ml.abnormal.ledger import Decision
from retention_ml.abnormal.measures import measures
from retention_ml.abnormal.rules import strengths

_ORDINARY = {
    "orders_count": 6, "lines_count": 14, "pieces_count": 22, "revenue_cents": 20_000,
    "views_count": 40, "carts_count": 16, "sessions_count": 16, "views_day_max": 5,
    "burst_orders_count": 2, "top_product_lines_count": 3,
}  # fmt: skip
_COUNTS = (
    "orders_count", "returns_count", "cancellations_count", "lines_count", "pieces_count",
    "revenue_cents", "returned_lines_count", "refund_cents", "views_count", "carts_count",
    "sessions_count", "ratings_count", "rating_permille",
)  # fmt: skip


def shop(*strangers: Mapping[str, int], customers: int = 40) -> Behaviour:
    """Ordinary customers who differ a little, then the strangers."""
    rows: list[dict[str, float]] = []
    for number in range(customers):
        factor = 0.6 + number / customers
        rows.append({name: round(value * factor) for name, value in _ORDINARY.items()})
    rows += [{**_ORDINARY, **stranger} for stranger in strangers]
    return Behaviour(
        customer_ids=pa.array([f"c{number:03d}" for number in range(len(rows))]),
        **{
            each.name: np.array([float(row.get(each.name, 0)) for row in rows])
            for each in fields(Behaviour)
            if each.name != "customer_ids"
        },
    )


BOT = {"views_count": 900, "sessions_count": 30, "views_day_max": 90, "carts_count": 0}
BRUSHER = {"unseen_orders_count": 5, "unseen_burst_count": 5, "top_product_lines_count": 9}
RETURNER = {"returns_count": 6, "returned_lines_count": 12}
RESELLER = {"pieces_count": 400}


@pytest.mark.parametrize(
    ("stranger", "kind"),
    [
        (BOT, Kind.BOT),
        (BRUSHER, Kind.BRUSHER),
        (RETURNER, Kind.RETURNER),
        (RESELLER, Kind.RESELLER),
    ],
)
def test_a_rule_speaks_for_its_kind_and_for_nobody_else(
    stranger: Mapping[str, int], kind: Kind
) -> None:
    b = shop(stranger)
    by_kind = strengths(b, measures(b)).by_kind
    assert by_kind[kind][-1] >= 1
    assert all(values[-1] < 1 for other, values in by_kind.items() if other != kind)
    assert all((values[:-1] < 1).all() for values in by_kind.values())


def test_orders_without_a_visit_alone_are_no_fake_orders() -> None:
    """A customer who refuses cookies buys this and that."""
    b = shop({"unseen_orders_count": 6, "unseen_burst_count": 3})
    assert strengths(b, measures(b)).by_kind[Kind.BRUSHER][-1] < 1


def test_one_cancelled_order_makes_no_returner() -> None:
    b = shop({"orders_count": 1, "lines_count": 6, "returned_lines_count": 6, "returns_count": 1})
    assert strengths(b, measures(b)).by_kind[Kind.RETURNER][-1] < 1


def test_where_everybody_buys_in_bulk_nobody_is_a_reseller() -> None:
    b = shop(customers=40)
    wholesale = Behaviour(**{**vars(b), "pieces_count": b.pieces_count * 40})
    assert (strengths(wholesale, measures(wholesale)).by_kind[Kind.RESELLER] < 1).all()


def test_where_most_orders_come_without_a_visit_that_rule_is_off() -> None:
    b = shop(BRUSHER)
    unseen = Behaviour(**{**vars(b), "unseen_orders_count": b.orders_count * 0.7})
    rules = strengths(unseen, measures(unseen))
    assert Kind.BRUSHER not in rules.by_kind
    assert rules.off[Kind.BRUSHER].startswith("70% of all orders came without a visit")
    assert Kind.BOT in rules.by_kind


def test_the_forest_isolates_who_is_unlike_all_others_and_gives_equal_scores_again() -> None:
    b = shop(BOT)
    first, again = isolation(measures(b)), isolation(measures(b))
    assert first.argmax() == len(b) - 1
    assert (first == again).all()


def test_nobody_is_cleared_by_a_decision_about_another_kind() -> None:
    b = shop(RESELLER)
    reseller = b.customer_ids[-1].as_py()
    decisions = {
        (reseller, Kind.BOT): Decision(
            customer_id=reseller, kind=Kind.BOT, decision="cleared", strength=9.0
        )
    }
    made = findings(b, decisions, excluded_kinds=(), excluded_share_max=0.1, minor_units=100)
    assert made.rows["status"].to_pylist() == ["flagged"]


def test_who_is_two_kinds_and_cleared_of_one_is_flagged_for_the_other() -> None:
    b = shop(RETURNER | RESELLER)
    customer = b.customer_ids[-1].as_py()
    made = findings(b, {}, excluded_kinds=(), excluded_share_max=0.1, minor_units=100)
    assert made.rows["kind"].to_pylist() == ["reseller"]
    decisions = {
        (customer, Kind.RESELLER): Decision(
            customer_id=customer,
            kind=Kind.RESELLER,
            decision="cleared",
            strength=made.rows["strength"][0].as_py(),
        )
    }
    again = findings(b, decisions, excluded_kinds=(), excluded_share_max=0.1, minor_units=100)
    assert again.rows["kind"].to_pylist() == ["returner"]
    assert again.rows["status"].to_pylist() == ["flagged"]


def test_amounts_in_evidence_are_in_the_shops_currency() -> None:
    b = shop(RETURNER | {"refund_cents": 15_000})
    place = len(b) - 1
    assert "worth 150.00 of 200.00." in evidence(b, place, Kind.RETURNER, minor_units=100)
    assert "worth 15,000.00 of" in evidence(b, place, Kind.RETURNER, minor_units=1)


def test_more_that_came_back_than_was_bought_is_said_without_a_share() -> None:
    b = shop(RETURNER | {"lines_count": 2})
    sentence = evidence(b, len(b) - 1, Kind.RETURNER, minor_units=100)
    assert "12 lines of 2 bought (more than was bought;" in sentence


def test_bursts_and_unseen_orders_are_counted_by_day() -> None:
    counts = [  # customer, day, orders, views
        ("a", 10, 1, 0),  # nobody looked
        ("a", 15, 2, 0),
        ("a", 17, 1, 3),  # eight days after the first
        ("b", 15, 0, 4),
        ("b", 16, 1, 0),  # looked the day before
        ("b", 18, 1, 0),  # two days before
        *(("c", day, 0, 1) for day in (10, 15, 17, 18)),
        ("d", 12, 3, 0),  # nobody was seen on that day
    ]
    rows = [
        dict.fromkeys(_COUNTS, 0)
        | {"customer_id": who, "event_day": day, "orders_count": orders, "views_count": views}
        for who, day, orders, views in reversed(counts)
    ]
    b = behaviour(
        pa.Table.from_pylist(rows),
        pa.table({"customer_id": ["b"], "top_product_lines_count": [2]}),
    )
    assert b.customer_ids.to_pylist() == ["a", "b", "c", "d"]
    assert b.unseen_orders_count.tolist() == [3, 1, 0, 0]
    assert b.unseen_burst_count.tolist() == [3, 1, 0, 0]
    assert b.burst_orders_count.tolist() == [3, 2, 0, 3]
    assert b.views_day_max.tolist() == [3, 4, 1, 0]
    assert b.top_product_lines_count.tolist() == [0, 2, 0, 0]
    assert b.known_days_count.tolist() == [8, 4, 9, 1]
    assert b.unseen_share == 4 / 9


_EXCLUDED = {
    "excluded_kinds": (Kind.BOT, Kind.BRUSHER),
    "excluded_share_max": 0.1,
    "minor_units": 100,
}


@pytest.mark.parametrize("kind", Kind)
def test_who_did_nothing_has_a_sentence_too(kind: Kind) -> None:
    nothing = dict.fromkeys((each.name for each in fields(Behaviour)), 0)
    b = shop(nothing)
    sentence = evidence(b, len(b) - 1, kind, minor_units=100)
    assert "nan" not in sentence
    assert " 0 " in sentence
    customer = b.customer_ids[-1].as_py()
    decision = Decision(customer_id=customer, kind=kind, decision="confirmed", strength=0.0)
    made = findings(b, {(customer, kind): decision}, **_EXCLUDED)
    assert made.rows["evidence"].to_pylist() == [sentence]


def test_an_excluded_kind_is_not_hidden_by_a_stronger_one_that_is_only_shown() -> None:
    b = shop(BRUSHER | RESELLER)
    by_kind = strengths(b, measures(b)).by_kind
    assert by_kind[Kind.RESELLER][-1] > by_kind[Kind.BRUSHER][-1] >= 1
    customer = b.customer_ids[-1].as_py()

    def made(*decided: tuple[Kind, str]) -> list[tuple[str, str, bool]]:
        decisions = {
            (customer, kind): Decision(
                customer_id=customer, kind=kind, decision=decision, strength=9.0
            )
            for kind, decision in decided
        }
        rows = findings(b, decisions, **_EXCLUDED).rows.to_pylist()
        return [(row["kind"], row["status"], row["is_excluded"]) for row in rows]

    assert made() == [("brusher", "flagged", True)]
    assert made((Kind.RESELLER, "confirmed")) == [("brusher", "flagged", True)]
    assert made((Kind.BRUSHER, "cleared")) == [("reseller", "flagged", False)]
    both = made((Kind.RESELLER, "confirmed"), (Kind.BOT, "confirmed"))
    assert both == [("bot", "confirmed", True)]


def test_bots_among_many_visitors_are_no_share_of_the_buyers() -> None:
    visitor = {**dict.fromkeys(_ORDINARY, 0), "views_count": 12, "sessions_count": 6}
    b = shop(*[visitor] * 400, *[BOT | {"orders_count": 0}] * 12)
    assert findings(b, {}, **_EXCLUDED).excluded_count == 12
    few = shop(*[visitor] * 400, *[BRUSHER] * 8)
    assert findings(few, {}, **_EXCLUDED).alert.startswith("8 of 48 buyers (17%)")


def test_one_visit_with_much_in_the_cart_is_no_bot() -> None:
    eager = {"views_count": 40, "sessions_count": 1, "views_day_max": 40, "carts_count": 4}
    bot = BOT | {"orders_count": 0}
    b = shop(eager | {"orders_count": 1}, bot | {"sessions_count": 2}, bot)
    assert (strengths(b, measures(b)).by_kind[Kind.BOT][-3:] >= 1).tolist() == [False, False, True]


def test_nobody_who_buys_as_usual_is_a_bot_where_visits_differ_much() -> None:
    draw = np.random.default_rng(1)
    n = 4_000
    visits = draw.geometric(1 / 6, n)
    views = [np.maximum(1, draw.lognormal(np.log(3), 1.0, each).round()) for each in visits]
    orders = draw.poisson(visits * 0.25)
    zeros = {each.name: np.zeros(n) for each in fields(Behaviour)}
    b = Behaviour(
        **{
            **zeros,
            "customer_ids": pa.array([f"c{number:04d}" for number in range(n)]),
            "sessions_count": visits.astype(float),
            "views_count": np.array([each.sum() for each in views]),
            "views_day_max": np.array([each.max() for each in views]),
            "orders_count": orders.astype(float),
            "lines_count": orders * 2.0,
            "carts_count": orders * 4.0,
        }
    )
    m = measures(b)
    is_bot = strengths(b, m).by_kind[Kind.BOT] >= 1
    assert not is_bot[orders >= 0.125 * visits].any()
    assert is_bot.mean() < 0.002
    assert (m["views_per_session"] > 12).sum() > 10  # many look at so much


def test_in_a_shop_of_few_products_loyal_customers_are_no_brushers() -> None:
    """One order in eight is not seen, and half of all lines are of one product."""
    draw = np.random.default_rng(2)
    rows = []
    for number in range(300):
        for day in np.flatnonzero(draw.random(365) < min(0.9, draw.gamma(2, 0.09))):
            observed = draw.random() > 0.125
            rows.append((f"c{number:03d}", int(day), int(observed)))
    zero = dict.fromkeys(_COUNTS, 0)
    days = [
        zero
        | {"customer_id": who, "event_day": day, "orders_count": 1, "lines_count": 2}
        | {"views_count": 4 * observed, "sessions_count": observed}
        for who, day, observed in rows
    ]
    who, orders = np.unique([row[0] for row in rows], return_counts=True)
    b = behaviour(
        pa.Table.from_pylist(days),
        pa.table({"customer_id": who.tolist(), "top_product_lines_count": orders.tolist()}),
    )
    assert (b.unseen_burst_count >= 3).sum() > 5
    assert (strengths(b, measures(b)).by_kind[Kind.BRUSHER] < 1).all()
