"""Why a customer is at risk: up to three sentences, by what moves this customer most.

A model's exact contributions (log-odds per feature) rank what may be said. A feature speaks where
it pushes towards churn *and* what it says would be called a risk by a person: something unusual
against the customer's own past or against other customers (`wording.statements`). Three reasons
come from three families of the feature catalogue, so that they are three different things and not
three windows of one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from retention_ml.features.catalogue import FEATURE_NAMES, FEATURES
from retention_ml.scores.wording.evidence import Evidence, capitalise, usual_values
from retention_ml.scores.wording.phrases import PHRASES, describe
from retention_ml.scores.wording.statement import Statement
from retention_ml.scores.wording.statements import LAST_ORDER, statements_of
from retention_ml.statistics.arrays import Bools, Floats, Ints

REASONS_COUNT = 3

# Log-odds: what changes the odds by less than two percent moves nobody.
_PUSH_MIN = 0.02


@dataclass(frozen=True, slots=True)
class Reasons:
    """Codes and sentences of each customer's reasons, strongest first.

    Parameters
    ----------
    codes, sentences : tuple of three lists of str or None, each of length n
        None where there are fewer reasons.
    """

    codes: tuple[list[str | None], ...]
    sentences: tuple[list[str | None], ...]

    def columns(self) -> dict[str, pa.Array]:
        """`reason_1_code`, `reason_1`, ... as text columns."""
        columns = {}
        for rank, (codes, sentences) in enumerate(
            zip(self.codes, self.sentences, strict=True), start=1
        ):
            columns[f"reason_{rank}_code"] = pa.array(codes, pa.string())
            columns[f"reason_{rank}"] = pa.array(sentences, pa.string())
        return columns


def reasons(
    contributions: Floats, names: Sequence[str], features: pa.Table, usual: Mapping[str, float]
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
    """
    n = len(contributions)
    evidence = Evidence(features, usual)
    speakers = [
        (name, statement)
        for name in names
        for statement in statements_of(name)
        if evidence.suffices(statement)
    ]
    slots = list(dict.fromkeys((_family(name), each.topic) for name, each in speakers))
    push, speaker = _strongest(contributions, names, evidence, speakers, slots)
    excludes = np.array([[a[0] == b[0] or a[1] == b[1] for a in slots] for b in slots], dtype=bool)
    codes = np.full((REASONS_COUNT, n), None, dtype=object)
    sentences = np.full((REASONS_COUNT, n), None, dtype=object)
    rows = np.arange(n)
    for rank in range(REASONS_COUNT if slots else 0):
        slot = push.argmax(axis=0)
        chosen = np.where(push[slot, rows] > 0, speaker[slot, rows], -1)
        for number in np.unique(chosen[chosen >= 0]).tolist():
            name, statement = speakers[number]
            positions = np.flatnonzero(chosen == number)
            codes[rank, positions] = f"{_family(name)}/{name}"
            sentences[rank, positions] = evidence.sentences(statement, positions)
        push[excludes[slot].T] = 0.0
    return Reasons(tuple(codes.tolist()), tuple(sentences.tolist()))


def _strongest(
    contributions: Floats,
    names: Sequence[str],
    evidence: Evidence,
    speakers: Sequence[tuple[str, Statement]],
    slots: Sequence[tuple[str, str]],
) -> tuple[Floats, Ints]:
    """The largest push of each slot and whose it is (a place in `speakers`), both (slots, n).

    A feature makes the first of its statements that is true, no other.
    """
    push = np.zeros((len(slots), len(contributions)))
    speaker = np.full(push.shape, -1, dtype=np.int64)
    places = {name: place for place, name in enumerate(names)}
    last, is_silent = "", np.empty(0, dtype=np.bool_)
    for number, (name, statement) in enumerate(speakers):
        contribution = contributions[:, places[name]]
        if name != last:
            last, is_silent = name, contribution >= _PUSH_MIN
        slot = slots.index((_family(name), statement.topic))
        is_true = is_silent & evidence.holds(statement)
        is_silent = is_silent & ~is_true
        is_stronger = is_true & (contribution > push[slot])
        push[slot, is_stronger] = contribution[is_stronger]
        speaker[slot, is_stronger] = number
    return push, speaker


def with_one_reason(rows: pa.Table, is_at_risk: Bools, features: pa.Table) -> pa.Table:
    """The rows with a first reason for everybody at risk.

    Where nothing that pushes upwards can be called a risk, the first thing of the catalogue that
    is one speaks; where nothing is, the last order does.

    Parameters
    ----------
    rows : pa.Table
        With the columns of `Reasons`, n rows.
    is_at_risk : array of bool, shape (n,)
    features : pa.Table
        Of all customers who are scored on the day, in the order of the rows.
    """
    is_open = is_at_risk & np.asarray(rows["reason_1"].is_null())
    if not is_open.any():
        return rows
    usual = usual_values(features)
    features = features.filter(pa.array(is_open))
    names = [name for name in FEATURE_NAMES if name in features.column_names]
    in_order = np.tile(np.arange(len(names), 0, -1.0), (features.num_rows, 1))
    first = reasons(in_order, names, features, usual)
    evidence = Evidence(features, usual)
    last_orders = evidence.sentences(LAST_ORDER, np.arange(features.num_rows))
    fallback = {
        "reason_1_code": [code or "recency/recency_days" for code in first.codes[0]],
        "reason_1": [a or b for a, b in zip(first.sentences[0], last_orders, strict=True)],
    }
    for name, values in fallback.items():
        merged = np.array(rows[name].to_pylist(), dtype=object)
        merged[is_open] = values
        place = rows.column_names.index(name)
        rows = rows.set_column(place, name, pa.array(merged, pa.string()))
    return rows


def by_family(contributions: Floats, names: Sequence[str]) -> tuple[tuple[str, ...], Floats]:
    """Family names in order of first appearance, and summed log-odds, shape (n, families)."""
    family_of = [_family(name) for name in names]
    families = tuple(dict.fromkeys(family_of))
    belongs = np.array([[each == family for family in families] for each in family_of], dtype=float)
    return families, contributions @ belongs.reshape(len(names), len(families))


def sentence(name: str, features: pa.Table) -> str:
    """What the first row's value of one feature means, in words, risk or not."""
    if name not in FEATURES:
        return f"{name} is {features[name][0].as_py():g}"
    evidence = Evidence(features.slice(0, 1), {})
    for statement in statements_of(name):
        if evidence.suffices(statement) and evidence.holds(statement)[0]:
            return evidence.sentences(statement, np.array([0]))[0]
    plainer = PHRASES[name].plainer if name in PHRASES else None
    name = plainer if plainer is not None and plainer in features.column_names else name
    if name not in features.column_names:
        return capitalise(FEATURES[name].meaning)
    return capitalise(describe(FEATURES[name], features[name][0].as_py()))


def _family(name: str) -> str:
    return FEATURES[name].family if name in FEATURES else name
