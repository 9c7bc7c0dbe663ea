"""What a person is asked before another ranker of products makes the lists."""

from collections.abc import Mapping
from typing import Any

from retention_airflow import approvals, doors
from retention_airflow.clock import as_of
from retention_airflow.defaults import WAREHOUSE_POOL, step

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


def ask_and_decide(measured: Any) -> None:
    """Add the tasks that ask a person about a ranker, where it waits for one, and pass the answer on.

    Parameters
    ----------
    measured : task output
        Receipts, among them that of `decide_ranker` without an answer.
    """

    @step()  # type: ignore[untyped-decorator]  # airflow is untyped here
    def question_ranker(measured: list[dict[str, Any]]) -> dict[str, str]:
        """Puts into words what a person is asked; skipped while a question waits."""
        approvals.skip_if_waiting("approve_ranker")
        return question(doors.receipt_of(measured, "decide_ranker"))

    @step(pool=WAREHOUSE_POOL, trigger_rule="none_failed", max_active_tis_per_dag=1)  # type: ignore[untyped-decorator]
    def decide_ranker(measured: list[dict[str, Any]]) -> dict[str, Any]:
        """Lets the ranker make the lists, or ends its trial, with the name of who answered."""
        from retention_ml.outcomes.lists.decide_ranker import decide_ranker as door

        response = approvals.response_to("approve_ranker")
        decided = doors.receipt_of(measured, "decide_ranker")
        answer: dict[str, Any] = {**approvals.answer(response, decided)}
        return doors.call(door, as_of=as_of(), **answer)

    approve = approvals.ask("approve_ranker", of="question_ranker")
    approved = approvals.passage("approved_ranker")  # skipped by a no, the decision is not
    question_ranker(measured) >> approve >> approved >> decide_ranker(measured)


def is_needed(decided: Mapping[str, Any]) -> bool:
    """Whether a person is to be asked; `decided` is the receipt of `decide_ranker`."""
    return bool(decided.get("waits_for_approval"))


def card_of(version: str) -> str:
    """The card of a ranker."""
    from retention_ml.recommendations.fitting import ledger

    return doors.read(ledger.card_of, version=version)


def question(decided: Mapping[str, Any]) -> dict[str, str]:
    """Subject and body (Markdown) of the question; `decided` is the receipt of `decide_ranker`."""
    champion, challenger = decided["champion_version"], decided["challenger_version"]
    parts = [
        f"**{challenger}** is to make the lists of products instead of **{champion}**. "
        "Without an answer the champion stays.",
        f"**Why:** {decided['reason']}",
        *approvals.evidence(decided["trial"], FIGURES),
        f"---\n\n{card_of(challenger)}",
    ]
    return {
        "subject": f"Let {challenger} make the lists of products instead of {champion}? "
        f"(outcomes known on {decided['as_of']})",
        "body": "\n\n".join(parts),
    }
