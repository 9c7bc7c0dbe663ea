"""One rule per kind: how far a customer is beyond what makes its kind, 1 at the border.

A rule is a few conditions that must all hold; its strength is that of the weakest. A limit is a
floor, or far above the shop's own middle if that is more: in a wholesale shop many pieces a line
are ordinary.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import poisson

from retention_ml.abnormal.behaviour import BURST_DAYS, Behaviour
from retention_ml.abnormal.kinds import KINDS, Kind
from retention_ml.abnormal.measures import SHRINKAGE, far_above, outer_fence
from retention_ml.statistics.arrays import Floats

UNSEEN_SHARE_MAX = 0.5
"""Where more of all orders come without a visit, events tell nothing about single orders."""
_PER_VIEW_MAX, _PER_VISIT_MAX = 0.25, 0.5
_BURST_SHARE = 0.5
_BURST_CHANCE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Strengths:
    """How strongly each rule speaks for each customer.

    Parameters
    ----------
    by_kind : mapping of Kind to array of float64, shape (n,)
        From 1 on the customer is flagged. Rules that are off are not in it.
    off : mapping of Kind to str
        Why a rule is off, in words.
    """

    by_kind: Mapping[Kind, Floats]
    off: Mapping[Kind, str]


def strengths(b: Behaviour, m: Mapping[str, Floats]) -> Strengths:
    """The strengths of all rules for the customers of measures."""
    off = _off(b)
    rules = {
        Kind.BOT: lambda: _weakest(
            b.sessions_count / 3.0,
            _beyond(m["views_per_session"], floor=4.0),
            _beyond(m["views_day_max"], floor=12.0),
            _few_purchases(b, m["views_per_session"]),
        ),
        Kind.BRUSHER: lambda: _weakest(
            m["unseen_burst_count"] / 3.0,
            m["unseen_share"] / max(0.1, 2 * b.unseen_share),
            _sudden(b),
            # A customer whose visits are not recorded buys this and that, now and then.
            np.maximum.reduce(
                [
                    _beyond(m["top_product_share"], floor=0.25),
                    _beyond(m["best_share"], floor=0.35),
                    _beyond(m["unseen_burst_count"], floor=4.0),
                ]
            ),
        ),
        Kind.RETURNER: lambda: _weakest(
            m["returns_count"] / 3.0,
            b.returned_lines_count / 4.0,
            m["returned_share"] / _share_limit(m["returned_share"]),
        ),
        Kind.RESELLER: lambda: _weakest(
            b.pieces_count / 20.0,
            # Where customers differ widely, as in a wholesale shop, twice as many is not unusual.
            _beyond(m["pieces_per_line"], floor=max(3.0, outer_fence(m["pieces_per_line"]))),
        ),
    }
    return Strengths(by_kind={kind: rules[kind]() for kind in KINDS if kind not in off}, off=off)


def _off(b: Behaviour) -> dict[Kind, str]:
    off = {}
    if not b.views_count.any():
        why = "no event of a known customer is known, and the rule needs what they looked at"
        off = {Kind.BOT: why, Kind.BRUSHER: why}
    elif b.unseen_share > UNSEEN_SHARE_MAX:
        off[Kind.BRUSHER] = (
            f"{b.unseen_share:.0%} of all orders came without a visit of the customer in the days "
            f"before (at most {UNSEEN_SHARE_MAX:.0%} may), so that tells nothing about one of them"
        )
    return off


def _beyond(values: Floats, *, floor: float) -> Floats:
    return np.asarray(values / max(floor, far_above(values)))


def _few_purchases(b: Behaviour, views_per_session: Floats) -> Floats:
    """How far carts and orders are below a quarter of what is usual per product looked at.

    And below half of what is usual per visit: people who look at very much in each buy as often as
    others. Usual is what customers do who do not look at far more in a visit than others, or bots
    would set the measure.
    """
    usual = views_per_session <= far_above(views_per_session)
    purchases = b.carts_count + b.orders_count
    total = float(purchases[usual].sum())
    views, visits = float(b.views_count[usual].sum()), float(b.sessions_count[usual].sum())
    if not (total and views and visits):
        return np.zeros(len(b))
    shrunk_purchases = purchases + SHRINKAGE * total / visits
    by_views = (b.views_count + SHRINKAGE * views / visits) * total / views
    by_visits = (b.sessions_count + SHRINKAGE) * total / visits
    return _weakest(
        _PER_VIEW_MAX * by_views / shrunk_purchases, _PER_VISIT_MAX * by_visits / shrunk_purchases
    )


def _sudden(b: Behaviour) -> Floats:
    """Orders without a visit within seven days against the fewest that are not chance.

    Half of all orders, or more than would once in a hundred customers come together in any seven
    days if those without a visit were spread over the customer's days evenly.
    """
    days = np.maximum(b.known_days_count, BURST_DAYS)
    expected = b.unseen_orders_count * BURST_DAYS / days
    by_chance = poisson.isf(_BURST_CHANCE * BURST_DAYS / days, expected) + 1
    limit = np.minimum(np.maximum(1.0, _BURST_SHARE * b.orders_count), by_chance)
    return np.asarray(b.unseen_burst_count / limit)


def _share_limit(shares: Floats) -> float:
    return min(0.6, max(0.33, far_above(shares)))


def _weakest(*conditions: Floats) -> Floats:
    return np.asarray(np.minimum.reduce(conditions))
