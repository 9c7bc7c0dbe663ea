"""An experiment as its report shows it: plan, lots, looks and what they mean."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from retention_ml.experiments import ledger
from retention_ml.experiments.design import CONTROL
from retention_ml.experiments.guards import ALL, RETAINED, RETURNED, UNSUBSCRIBED
from retention_ml.experiments.ledger import OPEN, PLANNED, Experiment
from retention_ml.experiments.power import shown
from retention_ml.experiments.readout import MARGIN, SHRUNK
from retention_ml.outcomes.forgotten import forgotten_sentence
from retention_ml.settings import Settings
from retention_ml.settings.sections import Experiments as Rules
from retention_ml.warehouse import Warehouse

Row = Mapping[str, Any]

METRICS = {
    "margin": "margin per decision",
    "retained": "customers who came back",
    "margin_per_buyer": "margin per customer who came back",
    "unsubscribed": "customers who unsubscribed or complained",
    "returned": "customers who sent something back",
}
MONEY = ("margin", "margin_per_buyer")
_HEADLINES = {
    "planned": "Planned: no lot was drawn yet",
    "open": "Not decided yet",
    "won": "{arm} won: it is better than leaving customers alone",
    "lost": "No action of it is left: each is worse than leaving customers alone, or did harm",
    "undecided": "Nothing was shown in time",
    "stopped": "Stopped by a person, without a verdict",
    "invalid": "Invalid: no figure of it counts",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LotCount:
    """What was drawn for an arm: all decisions, those with a known outcome, and what they cost."""

    arm: str
    share: float
    drawn_count: int
    drawn_share: float | None
    counted: int | None
    cost: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentReport:
    """What is known of one experiment, up to a look.

    Parameters
    ----------
    experiment : Experiment
    looks : sequence of mappings
        Its rows of `experiments.looks`, the oldest first; may be empty.
    drawn : mapping of str to (int, float)
        By arm, decisions of released days and their expected cost in units of money.
    rules : Rules
        `[experiments]` of the settings.
    currency : str
    forgotten : str
        How many of each arm were forgotten, in words; empty where nobody was.
    """

    experiment: Experiment
    looks: Sequence[Row]
    drawn: Mapping[str, tuple[int, float]]
    rules: Rules
    currency: str
    forgotten: str = ""

    @property
    def newest(self) -> Row | None:
        """A row of the newest look, for what is the same in all of them; None before the first."""
        return self.looks[-1] if self.looks else None

    @property
    def verdict(self) -> str:
        """How the experiment stands: planned, open, won, lost, undecided, stopped or invalid."""
        return self.experiment.state

    @property
    def is_observational(self) -> bool:
        """Whether its arms are no longer as the lots drew them."""
        is_invalid = self.newest is not None and self.newest["verdict"] == "invalid"
        return self.verdict == "invalid" or is_invalid

    @property
    def headline(self) -> str:
        """The verdict in words."""
        return _HEADLINES[self.verdict].format(arm=self.experiment.winner)

    @property
    def reason(self) -> str:
        """Why, in words: of an open experiment the newest look's."""
        return f"{self._reason} {self.forgotten}".rstrip()

    @property
    def _reason(self) -> str:
        if self.verdict == PLANNED:
            return "It decides once it is started: `retention experiments start`."
        if self.verdict == OPEN:
            if self.newest is None:
                return "No decision has a known outcome yet."
            return str(self.newest["reason"])
        return str(self.experiment.reason)

    @property
    def ratio_needed(self) -> float:
        """The e-value of the sample ratio from which the experiment is invalid."""
        return 1 / self.rules.ratio_error_rate

    @property
    def plan(self) -> list[Row]:
        """Decisions needed and there, by tier, `all` first, on the metric that decides."""
        rows = [
            row
            for row in self.experiment.sizes.get("sizes", ())
            if row["metric"] == self.experiment.design.metric
        ]
        return sorted(rows, key=lambda row: row["tier"] != ALL)

    @property
    def planned_count(self) -> int | None:
        """Decisions needed in all; None where no number is enough."""
        return shown(self.experiment.planned_count)

    def path(self, arm: str, metric: str) -> list[Row]:
        """The effect of an arm on all customers at each look at which there was one."""
        return [
            row
            for row in self.looks
            if (row["arm"], row["metric"], row["segment"]) == (arm, metric, ALL)
            and row["effect"] is not None
        ]

    def effects(self) -> list[Row]:
        """Effects on all customers at the newest look: the metric that decides first."""
        order = [self.experiment.design.metric, MARGIN, RETAINED, "margin_per_buyer"]
        rows = [
            row
            for row in self._newest_rows()
            if row["segment"] == ALL and row["metric"] in order and row["effect"] is not None
        ]
        return sorted(rows, key=lambda row: (row["arm"], order.index(row["metric"])))

    def by_tier(self, metric: str) -> list[Row]:
        """Effects by tier at the newest look, drawn towards the effect of all."""
        return [
            row
            for row in self._newest_rows()
            if row["metric"] == metric and row["method"] == SHRUNK and row["effect"] is not None
        ]

    def guards(self) -> list[Row]:
        """What must not happen, at the newest look, with `accepted`: what is tolerated of it."""
        accepted = {
            RETAINED: 0.0,
            UNSUBSCRIBED: self.rules.unsubscribed_share_max,
            RETURNED: self.rules.returned_share_max,
        }
        rows = [
            {**row, "accepted": accepted[row["metric"]]}
            for row in self._newest_rows()
            if row["metric"] in accepted
        ]
        order = [UNSUBSCRIBED, RETURNED, RETAINED]
        return sorted(
            rows,
            key=lambda row: (row["arm"], order.index(row["metric"]), row["segment"] != ALL),
        )

    def lots(self) -> list[LotCount]:
        """What was drawn for each arm."""
        total = sum(count for count, _ in self.drawn.values())
        counted = self._counted()
        result = []
        for arm, share in self.experiment.design.arms.items():
            count, cost = self.drawn.get(arm, (0, 0.0))
            result.append(
                LotCount(
                    arm=arm,
                    share=share,
                    drawn_count=count,
                    drawn_share=count / total if total else None,
                    counted=counted.get(arm),
                    cost=cost,
                )
            )
        return result

    def money(self) -> list[dict[str, Any]]:
        """By arm, what its counted decisions brought in all, with the ends of the interval."""
        return [
            {
                "arm": row["arm"],
                "treated_count": row["treated_count"],
                **{
                    name: None if row[name] is None else row[name] * row["treated_count"]
                    for name in ("effect", "lower", "upper")
                },
            }
            for row in self.effects()
            if row["metric"] == MARGIN
        ]

    def _newest_rows(self) -> list[Row]:
        newest = self.newest
        return [row for row in self.looks if newest and row["as_of"] == newest["as_of"]]

    def _counted(self) -> dict[str, int]:
        counted: dict[str, int] = {}
        for row in self._newest_rows():
            if row["metric"] == RETAINED and row["segment"] == ALL:
                counted[row["arm"]] = row["treated_count"]
                counted[CONTROL] = row["decisions_count"] - row["treated_count"]
        return counted


def load_report(
    warehouse: Warehouse, *, settings: Settings, experiment_id: str, as_of: date | None = None
) -> ExperimentReport:
    """What is known of an experiment, up to the look of `as_of` (the newest by default).

    Raises
    ------
    UsageError
        There is no such experiment.
    """
    units = settings.calendar.minor_units
    with warehouse.transaction() as transaction:
        experiment = ledger.find(transaction, experiment_id)
        looks = transaction.execute(
            "SELECT * FROM experiments.looks WHERE experiment_id = :id "
            "AND (CAST(:day AS date) IS NULL OR as_of <= :day) "
            "ORDER BY as_of, arm, metric, segment, method",
            id=experiment_id,
            day=as_of,
        )
        # As in decision_outcomes: of an experiment that draws once only the first decision counts.
        drawn = transaction.execute(
            "SELECT action_id, count(*) AS decisions_count, sum(cost_cents) AS cost_cents FROM "
            "(SELECT action_id, assignment.cost_cents, row_number() OVER (PARTITION BY customer_id "
            "ORDER BY as_of) AS number FROM actions.assignments AS assignment "
            "JOIN actions.days AS day USING (as_of) WHERE experiment_id = :id "
            "AND day.status = 'released' AND (CAST(:day AS date) IS NULL OR as_of < :day)) "
            "AS decision WHERE number = 1 OR :unit = 'decision' GROUP BY action_id",
            id=experiment_id,
            day=as_of,
            unit=experiment.design.unit,
        )
        forgotten = forgotten_sentence(transaction, "experiment", experiment_id)
    return ExperimentReport(
        experiment=experiment,
        looks=[row._asdict() for row in looks],
        forgotten=forgotten,
        drawn={
            row.action_id: (int(row.decisions_count), float(row.cost_cents) / units)
            for row in drawn
        },
        rules=settings.experiments,
        currency=settings.calendar.currency,
    )


def direction(row: Row) -> str:
    """The arm against leaving alone: better, worse or no difference shown."""
    if row["lower"] is not None and row["lower"] > 0:
        return "better"
    return "worse" if row["upper"] is not None and row["upper"] < 0 else "no difference shown"


def amount(metric: str, value: float | None, *, is_signed: bool = True) -> str:
    """A figure of a metric as text: money, or a share in percentage points.

    >>> amount("retained", 0.0123), amount("margin", -1.5), amount("margin", None)
    ('+1.23 %', '-1.50', '–')
    """
    if value is None:
        return "–"
    sign = "+" if is_signed else ""
    return f"{value:{sign},.2f}" if metric in MONEY else f"{100 * value:{sign},.2f} %"
