"""Purchases are counted by frequency, recency and T; impossible histories are refused."""

import numpy as np
import pytest

from retention_ml.errors import UsageError
from retention_ml.models.btyd.nbd import BetaGeoNBD
from retention_ml.models.btyd.purchase_summary import PurchaseSummary
from tests.worlds.btyd import cdnow

CDNOW = cdnow()
TRIPLES = (CDNOW["x"].to_numpy(), CDNOW["t_x"].to_numpy(), CDNOW["T"].to_numpy())
WEEKS = PurchaseSummary.of(*TRIPLES)
PROCESS = BetaGeoNBD(r=0.8, alpha=20.0, a=0.9, b=2.5, modified=True)


def test_equal_histories_are_counted_and_nobody_is_lost() -> None:
    assert WEEKS.counts.sum() == len(CDNOW) == 2357
    assert len(WEEKS.counts) < len(CDNOW) / 2
    rows = np.column_stack([WEEKS.frequency, WEEKS.recency, WEEKS.T])
    assert len(np.unique(rows, axis=0)) == len(rows)
    apart = PurchaseSummary(
        frequency=TRIPLES[0], recency=TRIPLES[1], T=TRIPLES[2], counts=np.ones(len(CDNOW))
    )
    assert PROCESS.log_likelihood(apart) == pytest.approx(PROCESS.log_likelihood(WEEKS))


@pytest.mark.parametrize(
    "wrong", [(-1, 0, 5), (1, 6, 5), (1, -1, 5), (1, np.nan, 5), (1, 2, np.inf)]
)
def test_an_impossible_history_is_refused(wrong: tuple[float, float, float]) -> None:
    columns = np.array([(0, 0, 5), wrong, (2, 3, 4)], dtype=np.float64).T
    with pytest.raises(UsageError, match=r"1 of 3 purchase histories are impossible"):
        PurchaseSummary.of(*columns)
