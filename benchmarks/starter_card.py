"""The card of the starter model, written from what was measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from retention_ml.statistics.bootstrap import Interval
from retention_ml.statistics.metrics import Evaluation

_TEXT = """# Starter model ({version})

Written by `python -m benchmarks.starter`; every figure is measured by it.

**What it is.** Small boosted trees trained on the customers of other shops: Online Retail II
(wholesale gifts), CDNOW (music), Complete Journey (groceries), and two shops made by
`retention simulate`, one of them with a click-stream, with a weight of a quarter each. It scores a
shop that has no model of its own yet. It contains no row of any shop: only thresholds and leaf
values.

**Inputs.** Nine features derived from purchase days alone: time since the last and the first
purchase day, the gaps between purchase days, and their number. Times are measured in outcome
windows (`lead_days` + `horizon_days`), and recency also as a share of tenure. So one model serves a
grocer and a furniture shop, and any churn definition. Gaps may be missing; it uses nothing else
about a customer.

**What it is not.** It is not calibrated for the shop it scores: its predictions were never compared
with that shop's outcomes. Its probabilities have the base rate of the shops it was trained on.
Trust the ranking of customers; expect the probabilities to be off as the table shows.

## Results, each shop held out

The shop in the row was held out of training entirely; the two simulated shops were held out
together. `own MBG/NBD` is that shop's own buying process, fitted on the purchases known on the
same day. ROC AUC, means over days, with 95 % intervals by bootstrap over customers; the difference
is paired. `predicted` and `churned` are mean rates, ECE is that of the starter.

{table}

Mean of the first four rows: {mean}.

"New" rows are 45 to 90 days after the shop's first order, the simulated ones on four days from
September to June. On simulated shops the buying process is almost the one that generated the data.
In a shop's first weeks its own buying process may rank better than the starter.

## Rank features, tried and not shipped

Trained on the same shops and days, but on ranks of {ranked} features within the day:
{ranks}.
Ranks lose how long a gap is relative to the outcome window.

## Combined with the shop's own buying process, tried and not shipped

Mean of the starter's and MBG/NBD's log-odds, ROC AUC (ECE):
{both}.
The process would have to be refitted for every scoring, so no digest could identify the model
beforehand.

## Selection

The nine features and the settings of the trees were chosen among some seventy variants by the
first four rows, each shop held out, so the figures of those rows are slightly optimistic. The other
rows were looked at but did not decide anything.

## Base rates

Mean churn rate of customers active in the last 90 days, over the three real shops, by days of the
window: {base_rate}.

## Limits

- Three real shops are few. In a shop unlike all of them (subscriptions, tickets, one purchase in
  years) it may rank worse than that shop's recency.
- In the weeks after the first order everybody looks new: probabilities are furthest off then.
- Baskets, returns and products are not used: they made the ranking worse in held-out shops. Clicks
  and campaigns are not used either: at most one real shop has them, so it cannot be shown that
  their effects carry over.
- It is never retrained on the shop. A model of the shop's own takes over once one is promoted.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResult:
    """A task and what was measured on it.

    Parameters
    ----------
    evaluation : Evaluation
        Of `starter`, `mbg_nbd`, `both`, `ranks` and `recency`.
    churn_rate, predicted_rate : float
        Means over the days: observed, and predicted by the starter.
    """

    name: str
    active_days: int
    days_count: int
    rows_count: int
    churn_rate: float
    predicted_rate: float
    evaluation: Evaluation

    def auc(self, model: str) -> Interval:
        """ROC AUC of a model."""
        return self.evaluation.values[model]["roc_auc"]

    def line(self) -> str:
        """Everything in a row of a table."""
        values = self.evaluation.values
        paired = self.evaluation.difference("starter", "mbg_nbd", "roc_auc")
        cells = (
            f"{self.name} (active {self.active_days})",
            f"{self.rows_count:,}",
            _interval(self.auc("starter"), ".3f"),
            f"{self.auc('mbg_nbd').value:.3f}",
            _interval(paired, "+.3f"),
            f"{self.auc('recency').value:.3f}",
            f"{self.predicted_rate:.2f}",
            f"{self.churn_rate:.2f}",
            f"{values['starter']['ece'].value:.3f}",
        )
        return f"| {' | '.join(cells)} |"


_HEAD = (
    "| task | rows | starter | own MBG/NBD | difference | recency | predicted | churned | ECE |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


def write(
    path: Path,
    results: Sequence[TaskResult],
    *,
    version: str,
    base_rate: Mapping[str, float],
    ranked: int,
) -> None:
    """Write the card."""
    four = results[:4]
    means = {
        name: sum(one.auc(name).value for one in four) / len(four)
        for name in ("starter", "mbg_nbd", "recency", "ranks")
    }
    path.write_text(
        _TEXT.format(
            version=version,
            table="\n".join((_HEAD, *(one.line() for one in results))),
            mean=(
                f"starter {means['starter']:.3f}, own MBG/NBD {means['mbg_nbd']:.3f}, "
                f"recency {means['recency']:.3f}"
            ),
            ranks="; ".join(f"{one.name} {one.auc('ranks').value:.3f}" for one in results[:4])
            + f"; mean {means['ranks']:.3f}",
            ranked=ranked,
            both="; ".join(
                f"{one.name} {one.auc('both').value:.3f} "
                f"({one.evaluation.values['both']['ece'].value:.3f})"
                for one in results
            ),
            base_rate=", ".join(
                f"{days}: {rate:.2f}" for days, rate in sorted(base_rate.items(), key=_days)
            ),
        ),
        encoding="utf-8",
    )


def _days(rate: tuple[str, float]) -> int:
    return int(rate[0])


def _interval(interval: Interval, form: str) -> str:
    return f"{interval.value:{form}} ({interval.lower:{form}} to {interval.upper:{form}})"
