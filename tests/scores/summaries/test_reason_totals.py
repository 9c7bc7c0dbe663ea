"""The themes of reasons are those that are counted when somebody asks."""

from collections import Counter
from typing import Any

import hypothesis.strategies as st
import pyarrow as pa
from hypothesis import given

from retention_ml.scores.summaries.reason_totals import reason_totals
from tests.worlds.scores import DAY, World

_REASON = st.none() | st.tuples(
    st.sampled_from(["gaps/gap_mean_days", "gaps/gap_max_days", "events/a", "fallback/b", "plain"]),
    st.sampled_from(["A", "B", "Ä", "a"]),
)
_CUSTOMER = st.tuples(
    st.sampled_from(["low", "high"]), st.integers(0, 50), _REASON, _REASON, _REASON
)
_THEMES = "SELECT * FROM reports.reason_themes ORDER BY as_of, risk_tier, family"


def _rows(customers: list[Any]) -> pa.Table:
    columns: dict[str, Any] = {
        "risk_tier": pa.array([each[0] for each in customers], pa.string()),
        "expected_value_at_risk_cents": pa.array([each[1] for each in customers], pa.int64()),
    }
    for place in (1, 2, 3):
        reasons = [each[place + 1] or (None, None) for each in customers]
        columns[f"reason_{place}_code"] = pa.array([code for code, _ in reasons], pa.string())
        columns[f"reason_{place}"] = pa.array([words for _, words in reasons], pa.string())
    return pa.table(columns)


@given(st.lists(_CUSTOMER, max_size=25))
def test_the_totals_are_those_of_a_count_of_all(customers: list[Any]) -> None:
    reasons = [
        (tier, reason[0].partition("/")[0], reason[1], place, cents)
        for tier, cents, *three in customers
        for place, reason in enumerate(three, start=1)
        if reason is not None
    ]
    expected = []
    for key in sorted({each[:2] for each in reasons}):
        of_key = [each for each in reasons if each[:2] == key]
        words = Counter(each[2] for each in of_key)
        most = min(text for text in words if words[text] == max(words.values()))
        first = sum(each[3] == 1 for each in of_key)
        expected.append((*key, len(of_key), first, sum(each[4] for each in of_key), most))
    totals = reason_totals(_rows(customers))
    assert [tuple(row.values()) for row in totals.to_pylist()] == expected


def test_the_view_shows_what_is_stored_and_counts_older_snapshots(world: World) -> None:
    world.score_and_publish(DAY)
    stored = world.rows(_THEMES)
    assert len(stored) > 3
    with world.warehouse.transaction() as transaction:
        assert transaction.change("DELETE FROM scores.reason_totals") == len(stored)
    assert world.rows(_THEMES) == stored
