"""What `measure` says of a trial that has ended."""

from datetime import date

import pytest

from retention_ml.labels.definition import ChurnDefinition
from retention_ml.outcomes.forecasts import ScoredSnapshot
from retention_ml.outcomes.trial.summary import summary
from retention_ml.outcomes.trial.trials import Trial

DAY = date(2026, 3, 1)
DEFINITION = ChurnDefinition(active_days=90, lead_days=0, horizon_days=28)
SCORED = ScoredSnapshot(
    as_of=DAY,
    snapshot_id=1,
    champion_version="2",
    champion_sha256="b",
    challenger_version=None,
    challenger_sha256=None,
    challenger_share=None,
)


@pytest.mark.parametrize(
    ("status", "verdict"),
    [("won", "promote"), ("lost", "keep"), ("undecided", "keep"), ("abandoned", "keep")],
)
def test_the_summary_of_a_trial_that_has_ended_gives_its_outcome(status: str, verdict: str) -> None:
    trial = Trial(
        trial_id=1,
        champion_version="1",
        champion_sha256="a",
        challenger_version="2",
        challenger_sha256="b",
        began_on=date(2026, 1, 1),
        definition_hash=DEFINITION.hash,
        plan={},
        status=status,
        reason="It predicts better.",
        ended_on=date(2026, 2, 20),
    )
    details = summary(trial, None, SCORED, DEFINITION, DAY)
    assert (details["verdict"], details["trial"]["status"]) == (verdict, status)
    assert details["reason"] == f"The trial ended on 2026-02-20 ({status}): It predicts better."
