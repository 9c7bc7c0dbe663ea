"""What a person is asked before another ranker of products makes the lists."""

from collections.abc import Mapping
from typing import Any

from retention_airflow.approvals import evidence

FIGURES = (
    ("began_on", "first day of the trial"),
    ("scored_days_count", "published days whose window has closed"),
    ("customers_count", "lists counted"),
    ("mean_difference", "NDCG@10 of the mixed list, challenger minus champion"),
    ("lower", "... at least"),
    ("upper", "... at most"),
    ("e_better", "e-value for the challenger being better"),
    ("e_worse", "e-value for its being worse"),
)


def is_needed(decided: Mapping[str, Any]) -> bool:
    """Whether a person is to be asked; `decided` is the receipt of `decide_ranker`."""
    return bool(decided.get("waits_for_approval"))


def card_of(version: str) -> str:
    """The card of a ranker."""
    from retention_airflow import doors
    from retention_ml.recommendations.fitting import ledger

    return doors.read(ledger.card_of, version=version)


def question(decided: Mapping[str, Any]) -> dict[str, str]:
    """Subject and body (Markdown) of the question; `decided` is the receipt of `decide_ranker`."""
    champion, challenger = decided["champion_version"], decided["challenger_version"]
    parts = [
        f"**{challenger}** is to make the lists of products instead of **{champion}**. "
        "Without an answer the champion stays.",
        f"**Why:** {decided['reason']}",
        *evidence(decided["trial"], FIGURES),
        f"---\n\n{card_of(challenger)}",
    ]
    return {
        "subject": f"Let {challenger} make the lists of products instead of {champion}? "
        f"(outcomes known on {decided['as_of']})",
        "body": "\n\n".join(parts),
    }
