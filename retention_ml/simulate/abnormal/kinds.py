"""The kinds of abnormal customers, and how clearly each shows, in two strengths."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a planted customer is."""

    BOT = "bot"
    BRUSHER = "brusher"
    RETURNER = "returner"
    RESELLER = "reseller"


KINDS = tuple(Kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Strength:
    """How clearly planted customers show; ranges are drawn from evenly, both ends possible.

    Parameters
    ----------
    bot_visits, bot_views : tuple of int
        Visits of a bot in all, and products that it looks at in each.
    bursts, burst_orders : tuple of int
        Bursts of fake orders of a brusher, and orders in each.
    own_life_share : float
        Share of brushers who order and browse for themselves as well.
    review_share : float
        Share of fake orders that get five stars.
    return_share : tuple of float
        Share of lines that a return abuser sends back.
    pieces : tuple of int
        By how much a reseller multiplies the pieces of each line.
    """

    bot_visits: tuple[int, int]
    bot_views: tuple[int, int]
    bursts: tuple[int, int]
    burst_orders: tuple[int, int]
    own_life_share: float
    review_share: float
    return_share: tuple[float, float]
    pieces: tuple[int, int]


STRENGTHS = {
    "plain": Strength(
        bot_visits=(60, 200),
        bot_views=(20, 60),
        bursts=(2, 5),
        burst_orders=(4, 10),
        own_life_share=0.0,
        review_share=0.9,
        return_share=(0.7, 0.95),
        pieces=(15, 60),
    ),
    # These overlap with ordinary customers: with heavy browsers, eager gift buyers, the unlucky.
    "hard": Strength(
        bot_visits=(12, 40),
        bot_views=(5, 12),
        bursts=(2, 3),
        burst_orders=(3, 6),
        own_life_share=0.7,
        review_share=0.5,
        return_share=(0.45, 0.8),
        pieces=(5, 12),
    ),
}
