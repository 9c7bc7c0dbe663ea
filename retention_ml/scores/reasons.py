"""Why a customer is at risk: up to three sentences, by what moves this customer most.

A model's exact contributions (log-odds per feature) rank what may be said. A feature speaks where
it pushes towards churn *and* what it says would be called a risk by a person: something unusual
against the customer's own past or against other customers (`wording.statements`). Three reasons
come from three families of the feature catalogue, so that they are three different things and not
three windows of one.

Some are at risk although nothing that pushes them there can be called a risk. What counts least in
their favour and is a risk nevertheless is then all there is to say, and is marked as a weak sign.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.features.catalogue import FEATURES
from retention_ml.scores.wording.evidence import Evidence, capitalise
from retention_ml.scores.wording.phrase import fill
from retention_ml.scores.wording.phrases import PHRASES, describe
from retention_ml.scores.wording.statement import Statement
from retention_ml.scores.wording.statements import LAST_ORDER, statements_of
from retention_ml.statistics.arrays import Bools, Floats, Ints

REASONS_COUNT = 3

# Log-odds: what changes the odds by less than two percent moves nobody.
_PUSH_MIN = 0.02

# Raise it with every change of which sentences are made of which customers: days whose reasons were
# made by other rules are not compared with later ones.
VERSION = 1

# Stands for the family in the code of what is said where there is no reason.
FALLBACK = "fallback"
_AT_STAKE = "At risk by the value at stake: {value:,.0f} of margin expected to be lost"


@dataclass(frozen=True, slots=True)
class Reasons:
    """Codes and sentences of each customer's reasons, strongest first.

    Parameters
    ----------
    codes, sentences : tuple of three lists of str or None, each of length n
        None where there are fewer reasons.
    fallback_codes, fallbacks : list of str or None, each of length n
        What there is to say of those without any reason; None for the others.
    """

    codes: tuple[list[str | None], ...]
    sentences: tuple[list[str | None], ...]
    fallback_codes: list[str | None]
    fallbacks: list[str | None]

    def columns(self) -> dict[str, pa.Array]:
        """`reason_1_code`, `reason_1`, ..., `fallback_code`, `fallback` as text columns."""
        columns = {}
        for rank, (codes, sentences) in enumerate(
            zip(self.codes, self.sentences, strict=True), start=1
        ):
            columns[f"reason_{rank}_code"] = pa.array(codes, pa.string())
            columns[f"reason_{rank}"] = pa.array(sentences, pa.string())
        columns["fallback_code"] = pa.array(self.fallback_codes, pa.string())
        columns["fallback"] = pa.array(self.fallbacks, pa.string())
        return columns


def reasons(
    contributions: Floats,
    names: Sequence[str],
    features: pa.Table,
    usual: Mapping[str, float],
    *,
    minor_units: int,
) -> Reasons:
    """The reasons of n customers.

    Parameters
    ----------
    contributions : array of float64, shape (n, len(names))
        Log-odds that each feature adds to the customer's score.
    names : sequence of str
        The features, in the order of the columns.
    features : pa.Table
        The customers' features, n rows: the named ones and those they are compared with.
    usual : mapping of str to float
        What is usual among all customers of the day: `wording.evidence.usual_values`.
    minor_units : int
        Smallest units of money in a whole one.
    """
    n = len(contributions)
    evidence = Evidence(features, usual, minor_units)
    candidates = [
        (name, statement)
        for name in names
        for statement in statements_of(name)
        if evidence.suffices(statement)
    ]
    topics = list(dict.fromkeys((_family(name), each.topic) for name, each in candidates))
    push, strongest = _strongest(contributions, names, evidence, candidates, topics)
    excludes = np.array(
        [[a[0] == b[0] or a[1] == b[1] for a in topics] for b in topics], dtype=bool
    )
    codes = np.full((REASONS_COUNT + 1, n), None, dtype=object)
    sentences = np.full((REASONS_COUNT + 1, n), None, dtype=object)
    rows = np.arange(n)

    def say(place: int, prefix: str | None, chosen: Ints) -> None:
        """Word the candidate of each customer, -1 for none, into one row of the results."""
        order = np.argsort(chosen, kind="stable")
        numbers, begins = np.unique(chosen[order], return_index=True)
        for number, positions in zip(
            numbers.tolist(), np.split(order, begins[1:]) if len(begins) else (), strict=True
        ):
            if number < 0:
                continue
            name, statement = candidates[number]
            codes[place, positions] = f"{prefix or _family(name)}/{name}"
            sentences[place, positions] = evidence.sentences(statement, positions)

    for rank in range(REASONS_COUNT if topics else 0):
        topic = push.argmax(axis=0)
        is_reason = push[topic, rows] >= _PUSH_MIN
        say(rank, None, np.where(is_reason, strongest[topic, rows], -1))
        if rank == 0:
            say(REASONS_COUNT, FALLBACK, np.where(is_reason, -1, strongest[topic, rows]))
        push[excludes[topic].T] = -np.inf
    *codes_of_reasons, fallback_codes = codes.tolist()
    *reasons_in_words, fallbacks = sentences.tolist()
    return Reasons(
        tuple(codes_of_reasons),
        tuple(reasons_in_words),
        fallback_codes,
        [text and f"{text} (a weak sign)" for text in fallbacks],
    )


def _strongest(
    contributions: Floats,
    names: Sequence[str],
    evidence: Evidence,
    candidates: Sequence[tuple[str, Statement]],
    topics: Sequence[tuple[str, str]],
) -> tuple[Floats, Ints]:
    """The largest contribution to each topic and whose it is, both of shape (topics, n).

    -inf, and -1 in place of a position in `candidates`, where nothing true can be said of a topic.
    A feature makes the first of its statements that is true, no other.
    """
    push = np.full((len(topics), len(contributions)), -np.inf)
    strongest = np.full(push.shape, -1, dtype=np.int64)
    places = {name: place for place, name in enumerate(names)}
    last, is_open = "", np.empty(0, dtype=np.bool_)
    for number, (name, statement) in enumerate(candidates):
        contribution = contributions[:, places[name]]
        if name != last:
            last, is_open = name, np.ones(len(contributions), dtype=np.bool_)
        topic = topics.index((_family(name), statement.topic))
        is_true = is_open & evidence.holds(statement)
        is_open = is_open & ~is_true
        is_stronger = is_true & (contribution > push[topic])
        np.copyto(push[topic], contribution, where=is_stronger)
        np.copyto(strongest[topic], number, where=is_stronger)
    return push, strongest


def with_one_reason(
    rows: pa.Table,
    is_at_risk: Bools,
    features: pa.Table,
    *,
    by_value: bool,
    minor_units: int,
) -> pa.Table:
    """The rows with something to say first of everybody at risk, and without the fallback columns.

    Where there is no reason, the fallback speaks: the value at stake where tiers follow it, else
    the weak sign that counts least in the customer's favour, else the last order.

    Parameters
    ----------
    rows : pa.Table
        With the columns of `Reasons` and `expected_value_at_risk_cents`, n rows.
    is_at_risk : array of bool, shape (n,)
    features : pa.Table
        Of the customers, in the order of the rows.
    by_value : bool
        Whether the tiers rank customers by the value at stake.
    minor_units : int
        Smallest units of money in a whole one.
    """
    is_open = is_at_risk & np.asarray(rows["reason_1"].is_null())
    fallback = rows.select(["fallback_code", "fallback"])
    rows = rows.drop_columns(fallback.column_names)
    if not is_open.any():
        return rows
    positions = np.flatnonzero(is_open)
    weak = fallback.take(pa.array(positions))
    last_orders = Evidence(features, {}, minor_units).sentences(LAST_ORDER, positions)
    codes = [code or f"{FALLBACK}/recency_days" for code in weak[0].to_pylist()]
    texts = [a or b for a, b in zip(weak[1].to_pylist(), last_orders, strict=True)]
    if by_value:
        cents = np.asarray(rows["expected_value_at_risk_cents"].to_numpy())[positions]
        for place in np.flatnonzero(cents > 0).tolist():
            codes[place] = f"{FALLBACK}/expected_value_at_risk"
            texts[place] = fill(_AT_STAKE, value=cents[place] / minor_units)
    for name, values in (("reason_1_code", codes), ("reason_1", texts)):
        column = pc.replace_with_mask(
            rows[name].combine_chunks(), pa.array(is_open), pa.array(values, pa.string())
        )
        rows = rows.set_column(rows.column_names.index(name), name, column)
    return rows


def by_family(contributions: Floats, names: Sequence[str]) -> tuple[tuple[str, ...], Floats]:
    """Family names in order of first appearance, and summed log-odds, shape (n, families)."""
    family_of = [_family(name) for name in names]
    families = tuple(dict.fromkeys(family_of))
    belongs = np.array([[each == family for family in families] for each in family_of], dtype=float)
    return families, contributions @ belongs.reshape(len(names), len(families))


def sentence(name: str, features: pa.Table, minor_units: int) -> str:
    """What the first row's value of one feature means, in words, risk or not."""
    if name not in FEATURES:
        return f"{name} is {features[name][0].as_py():g}"
    evidence = Evidence(features.slice(0, 1), {}, minor_units)
    for statement in statements_of(name):
        if evidence.suffices(statement) and evidence.holds(statement)[0]:
            return evidence.sentences(statement, np.array([0]))[0]
    plainer = PHRASES[name].plainer if name in PHRASES else None
    name = plainer if plainer is not None and plainer in features.column_names else name
    if name not in features.column_names:
        return capitalise(FEATURES[name].meaning)
    return capitalise(describe(FEATURES[name], features[name][0].as_py(), minor_units))


def _family(name: str) -> str:
    return FEATURES[name].family if name in FEATURES else name
