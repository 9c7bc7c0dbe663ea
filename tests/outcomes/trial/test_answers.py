"""Whatever people answer, how often and at the same time: one decision of theirs, or none."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from retention_ml.outcomes.trial.answer import NOBODY
from tests.worlds.registered import Shelf
from tests.worlds.trial_looks import LookedAtTrial

pytestmark = pytest.mark.usefixtures("no_page")

Response = dict[str, str]
NO_RESPONSE: Response = {}
SILENCE: Response = {"refused_by": NOBODY, "version": "2"}
APPROVAL: Response = {"approved_by": "ann", "version": "2"}
SECOND_APPROVAL: Response = {"approved_by": "bob", "version": "2"}
REFUSAL: Response = {"refused_by": "carl", "version": "2"}
ABOUT_ANOTHER: Response = {"approved_by": "ann", "version": "3"}


@pytest.fixture
def won(shelf: Shelf) -> LookedAtTrial:
    """Version 2 has won against version 1, and a person is to decide."""
    return LookedAtTrial(shelf, 1.5, 0.0, promotion={"mode": "approval"})


@pytest.mark.parametrize(
    ("responses", "at_once", "ends"),
    [
        pytest.param([NO_RESPONSE, NO_RESPONSE], False, {("1", "open")}, id="absent"),
        pytest.param([SILENCE, NO_RESPONSE], False, {("1", "open")}, id="silence"),
        pytest.param([SILENCE, SILENCE], False, {("1", "open")}, id="silence twice"),
        pytest.param([REFUSAL], False, {("1", "lost")}, id="rejected"),
        pytest.param([REFUSAL, REFUSAL], False, {("1", "lost")}, id="rejected twice"),
        pytest.param([REFUSAL, APPROVAL], False, {("1", "lost")}, id="approved after a no"),
        pytest.param([APPROVAL], False, {("2", "won")}, id="approved"),
        pytest.param([APPROVAL, SECOND_APPROVAL], False, {("2", "won")}, id="approved by two"),
        pytest.param([APPROVAL, REFUSAL], False, {("2", "won")}, id="rejected after a yes"),
        pytest.param(
            [SILENCE, APPROVAL], False, {("2", "won")}, id="approved at the second question"
        ),
        pytest.param([ABOUT_ANOTHER], False, {("1", "open")}, id="about another version"),
        pytest.param(
            [APPROVAL, APPROVAL, SECOND_APPROVAL, SECOND_APPROVAL],
            True,
            {("2", "won")},
            id="four yes at once",
        ),
        pytest.param(
            [APPROVAL, REFUSAL], True, {("1", "lost"), ("2", "won")}, id="yes and no at once"
        ),
    ],
)
def test_only_a_yes_about_the_challenger_promotes_it_and_only_once(
    won: LookedAtTrial, responses: list[Response], at_once: bool, ends: set[tuple[str, str]]
) -> None:
    if at_once:
        with ThreadPoolExecutor(len(responses)) as pool:
            list(pool.map(lambda each: won.decide(**each), responses))
    else:
        for each in responses:
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
    assert _refusals(rows) >= ({"carl"} if REFUSAL in responses else set())
    before = won.shelf.ledger()
    won.decide()
    assert (str(won.shelf.alias()), won.status(), won.shelf.ledger()) == (champion, status, before)


def _refusals(rows: Iterable[dict[str, Any]]) -> set[str]:
    """Who said no, by the ledger."""
    return {row["decided_by"] for row in rows if row["verdict"] == "keep"}
