"""Whatever people answer, or do not, however often and at once: one decision, theirs, or none."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from retention_ml.outcomes.trial.answer import NOBODY
from tests.worlds.registered import Shelf
from tests.worlds.trial_looks import LookedAt

pytestmark = pytest.mark.usefixtures("no_page")

Said = dict[str, str]
NOTHING: Said = {}
SILENCE: Said = {"refused_by": NOBODY, "version": "2"}
YES: Said = {"approved_by": "ann", "version": "2"}
YES_TOO: Said = {"approved_by": "bob", "version": "2"}
NO: Said = {"refused_by": "carl", "version": "2"}
ABOUT_ANOTHER: Said = {"approved_by": "ann", "version": "3"}


@pytest.fixture
def won(shelf: Shelf) -> LookedAt:
    """Version 2 has won against version 1, and a person is to decide."""
    return LookedAt(shelf, 1.5, 0.0, promotion={"mode": "approval"})


@pytest.mark.parametrize(
    ("said", "at_once", "ends"),
    [
        pytest.param([NOTHING, NOTHING], False, {("1", "open")}, id="absent"),
        pytest.param([SILENCE, NOTHING], False, {("1", "open")}, id="silence"),
        pytest.param([SILENCE, SILENCE], False, {("1", "open")}, id="silence twice"),
        pytest.param([NO], False, {("1", "lost")}, id="rejected"),
        pytest.param([NO, NO], False, {("1", "lost")}, id="rejected twice"),
        pytest.param([NO, YES], False, {("1", "lost")}, id="approved after a no"),
        pytest.param([YES], False, {("2", "won")}, id="approved"),
        pytest.param([YES, YES_TOO], False, {("2", "won")}, id="approved by two"),
        pytest.param([YES, NO], False, {("2", "won")}, id="rejected after a yes"),
        pytest.param([SILENCE, YES], False, {("2", "won")}, id="approved at the second question"),
        pytest.param([ABOUT_ANOTHER], False, {("1", "open")}, id="about another version"),
        pytest.param([YES, YES, YES_TOO, YES_TOO], True, {("2", "won")}, id="four yes at once"),
        pytest.param([YES, NO], True, {("1", "lost"), ("2", "won")}, id="yes and no at once"),
    ],
)
def test_only_a_yes_about_the_challenger_promotes_it_and_only_once(
    won: LookedAt, said: list[Said], at_once: bool, ends: set[tuple[str, str]]
) -> None:
    if at_once:
        with ThreadPoolExecutor(len(said)) as pool:
            list(pool.map(lambda each: won.decide(**each), said))
    else:
        for each in said:
            won.decide(**each)
    champion, status = str(won.shelf.alias()), won.status()
    assert (champion, status) in ends
    rows = won.shelf.rows(
        "SELECT model_version, verdict, decided_by FROM models.promotions "
        "WHERE alias = 'champion' ORDER BY promotion_id"
    )
    promoted = [row for row in rows if row["verdict"] == "promote"]
    assert [row["model_version"] for row in promoted] == ["1", "2"][: int(champion)]
    assert {row["decided_by"] for row in promoted[1:]} <= {"ann", "bob"}
    assert _kept(rows) >= ({"carl"} if NO in said else set())
    before = won.shelf.ledger()
    won.decide()
    assert (str(won.shelf.alias()), won.status(), won.shelf.ledger()) == (champion, status, before)


def _kept(rows: Iterable[dict[str, Any]]) -> set[str]:
    """Who said no, by the ledger."""
    return {row["decided_by"] for row in rows if row["verdict"] == "keep"}
