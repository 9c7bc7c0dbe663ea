"""Every statement at the edges: none, one, less than half a unit, one or two pauses, all equal."""

import re
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from retention_ml.features.catalogue import FEATURE_NAMES, FEATURES
from retention_ml.scores.wording.evidence import Evidence, usual_values
from retention_ml.scores.wording.phrase import scale
from retention_ml.scores.wording.statement import Statement
from retention_ml.scores.wording.statements import statements_of

EDGES = {
    "days": [1, 2, 3, 4, 30, 400],
    "count": [0, 1, 2, 3, 4, 50, 1_200],
    "cents": [0, 30, 100, 5_000, 250_000, -400],
    "share": [0, 0.002, 0.01, 0.05, 0.3, 1],
    "flag": [0, 1],
    "ratio": [0, 0.2, 1, 3],
    "log_ratio": [-1.5, 0, 0.3, 1.2],
    "phase": [0],
}
MAY_BE_MISSING = ("days", "share", "ratio")
N = 160

NO_ENGLISH = re.compile(
    r"[{}\[\]|_]|[-+]\d|\b(nan|inf|les)\b|^0 (?!%)|\b(in|on) 0 of|\bspent 0\b|^No per\b"
    r"|(?<![\d.,])1 (different )?(?!or less)[a-z]+(?<!as)s\b"
)
NONE = re.compile(
    r"^(No (?!order for)|Nothing|Gave the worst|Bought on no days)|\bnothing\b|\bnone of\b"
)
NUMBER = re.compile(r"\d[\d,]*(\.\d+)?")


def _day(usual: int | None, seed: int) -> pa.Table:
    """Customers at the edges; of most of them every value is the same edge, where one is named."""
    draw = np.random.default_rng(seed)
    columns = {}
    for name in FEATURE_NAMES:
        edges = np.array(EDGES[FEATURES[name].unit], dtype=float)
        values = draw.choice(edges, N)
        if FEATURES[name].unit in MAY_BE_MISSING:
            values[draw.random(N) < 0.1] = np.nan
        if usual is not None:
            values[: N * 6 // 10] = edges[usual % len(edges)]
        columns[name] = pa.array(values, from_pandas=True)
    return pa.table(columns)


def _sentences(day: pa.Table) -> Iterator[tuple[Statement, int, str]]:
    """Every true sentence with its statement and its customer."""
    evidence = Evidence(day, usual_values(day, 100), 100)
    for statement in {one for name in FEATURE_NAMES for one in statements_of(name)}:
        assert evidence.suffices(statement)
        rows = np.flatnonzero(evidence.holds(statement))
        for row, text in zip(rows.tolist(), evidence.sentences(statement, rows), strict=True):
            yield statement, row, text


def _raw(day: pa.Table, name: str) -> np.ndarray:
    """Values in the units that readers see, not rounded."""
    values = day[name].to_numpy(zero_copy_only=False).astype(float)
    return values * scale(FEATURES[name], 100)


@pytest.fixture(scope="module", params=[None, 0, 1, 2, 3], ids=lambda edge: f"usual {edge}")
def day(request: pytest.FixtureRequest) -> pa.Table:
    return _day(request.param, seed=1)


def test_every_sentence_at_the_edges_is_english(day: pa.Table) -> None:
    sentences = {text for _, _, text in _sentences(day)}
    assert len(sentences) > 150
    assert {text for text in sentences if NO_ENGLISH.search(text)} == set()


def test_what_is_said_of_half_of_the_customers_is_true(day: pa.Table) -> None:
    """Recomputed from the values themselves."""
    count = 0
    for statement, _, text in _sentences(day):
        _, is_compared, claim = text.partition("half of the active customers ")
        if not is_compared:
            continue
        assert statement.usual is not None
        values = _raw(day, statement.usual)
        number = NUMBER.search(claim)
        limit = float(number[0].replace(",", "")) if number else 0.0
        assert number or claim == "none", text
        is_so = values >= limit if claim.endswith("or more") else values <= limit
        assert is_so.mean() >= 0.5, (text, statement.inputs)
        count += 1
    assert count > 300


def test_none_is_said_only_of_who_has_none_and_numbers_are_the_customers(day: pa.Table) -> None:
    count = 0
    for statement, row, text in _sentences(day):
        if statement.usual is None or np.isnan(value := _raw(day, statement.usual)[row]):
            continue
        first = text.partition(";")[0]
        number = NUMBER.search(first)
        assert bool(NONE.search(first)) == (value == 0 and not re.search(r"\b0 %", first)), (
            text,
            value,
        )
        if NONE.search(first):
            continue
        assert number, text
        shown = float(number[0].replace(",", ""))
        if "less than" in first.lower():
            assert 0 < value < shown, (text, value)
        else:
            assert abs(shown - value) <= 0.5, (text, value)
        count += 1
    assert count > 300


def test_no_habit_is_said_of_one_or_two_pauses(day: pa.Table) -> None:
    days = _raw(day, "purchase_days_count")
    least = {"usually": 4, "Usually": 4, "lately": 4, "Lately": 4, "Last pause": 3, "Longest": 3,
             "longest pause": 3, "between orders on average": 3}  # fmt: skip
    only = re.compile(r"the only pause", re.IGNORECASE)
    count = 0
    for _, row, text in _sentences(day):
        for words, minimum in least.items():
            if words in text:
                assert days[row] >= minimum, text
                count += 1
        if only.search(text):
            assert days[row] == 2, text
            count += 1
    assert count > 50


def test_a_sentence_differs_from_what_is_usual_by_more_than_chance(day: pa.Table) -> None:
    """Small integers: a day more than usual, or an order less, is nothing."""
    for _, row, text in _sentences(day):
        silence = re.search(r"No order for (\d+) days?; usually every (\d+)?", text)
        if silence:
            assert int(silence[1]) - int(silence[2] or 1) >= 3, text
        orders = re.search(r"(\d+) orders? in the last \d+ days, (\d+) in", text)
        if orders:
            assert int(orders[2]) - int(orders[1]) >= 2, text
        if "last year" in text:
            assert _raw(day, "tenure_days")[row] >= 364


def test_of_customers_who_are_all_alike_nothing_is_compared_with_others() -> None:
    for edge in range(6):
        one = _day(edge, seed=2).slice(0, 1)
        texts = [text for _, _, text in _sentences(pa.concat_tables([one] * 5))]
        assert [text for text in texts if "half of the active customers" in text] == []
