"""Reviews, complaints and survey answers of a simulated shop."""

from dataclasses import dataclass

import numpy as np

from retention_ml.simulate import comments
from retention_ml.simulate.baskets import POSTAGE, RETURN, Lines
from retention_ml.simulate.seasons import Columns, Floats, Integers, ShopCalendar

KINDS = ("review", "survey", "complaint", "return_reason")
REVIEW, SURVEY, COMPLAINT, RETURN_REASON = range(len(KINDS))
REVIEW_SHARE = 0.05
SURVEY_SHARE = 0.01
COMPLAINT_SHARE = 0.2
RETURN_REASON_SHARE = 0.5
_VARIANTS = 10  # two in ten write nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback(Columns):
    """What customers said, by time; `rating` is 1 to 5, `comment` points into `comments.COMMENTS`."""

    customer: Integers
    at: Floats
    kind: Integers
    rating: Integers
    product: Integers
    comment: Integers


def feedback(
    rng: np.random.Generator, calendar: ShopCalendar, sold: Lines, came_back: Lines
) -> Feedback:
    """Reviews and surveys about what was kept, complaints and reasons about what came back."""
    goods = sold.rows(sold.product != POSTAGE)
    returned = came_back.rows(came_back.kind == RETURN)
    pieces = []
    for lines, share, kind_index, delay_days, worst, best in (
        (goods, REVIEW_SHARE, REVIEW, 14.0, 3, 5),
        (goods, SURVEY_SHARE, SURVEY, 7.0, 1, 5),
        (returned, COMPLAINT_SHARE, COMPLAINT, 2.0, 1, 2),
        (returned, RETURN_REASON_SHARE, RETURN_REASON, 0.0, 1, 3),
    ):
        chosen = lines.rows(rng.random(len(lines)) < share)
        at = chosen.at + delay_days * rng.random(len(chosen))
        rating = rng.integers(worst, best + 1, size=len(chosen))
        pieces.append(
            Feedback(
                customer=chosen.customer,
                at=at,
                kind=np.full(len(chosen), kind_index, dtype=np.int64),
                rating=rating,
                product=chosen.product,
                comment=comments.numbers(rating, rng.integers(_VARIANTS, size=len(chosen))),
            )
        )
    entries = Feedback.concatenate(pieces)
    entries = entries.rows(entries.at < calendar.days)
    return entries.rows(np.lexsort((entries.customer, entries.at)))
