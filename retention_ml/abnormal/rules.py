"""One rule per kind: how far a customer is beyond what makes its kind, 1 at the border.

A rule is a few conditions that must all hold; its strength is that of the weakest. A limit is a
floor, or far above the shop's own middle if that is more: in a wholesale shop many pieces a line
are ordinary.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from retention_ml.abnormal.behaviour import Behaviour
from retention_ml.abnormal.kinds import KINDS, Kind
from retention_ml.abnormal.measures import far_above, outer_fence
from retention_ml.statistics.arrays import Floats

UNSEEN_SHARE_MAX = 0.5
"""Where more of all orders come without a visit, events tell nothing about single orders."""


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
            _beyond(m["views_per_session"], floor=4.0), _beyond(m["views_day_max"], floor=12.0)
        ),
        Kind.BRUSHER: lambda: _weakest(
            m["unseen_burst_count"] / 3.0,
            m["unseen_share"] / 0.1,
            # A customer whose visits are not recorded buys this and that, now and then.
            np.maximum.reduce(
                [
                    m["top_product_share"] / 0.25,
                    m["best_share"] / 0.35,
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


def _share_limit(shares: Floats) -> float:
    return min(0.6, max(0.33, far_above(shares)))


def _weakest(*conditions: Floats) -> Floats:
    return np.asarray(np.minimum.reduce(conditions))
