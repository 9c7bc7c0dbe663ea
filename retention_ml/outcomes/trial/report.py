"""A trial of champion and challenger as its report shows it: the rows and what they mean."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from retention_ml.errors import UsageError
from retention_ml.outcomes.forgotten import forgotten_sentence
from retention_ml.settings import Settings
from retention_ml.settings import Trial as Rules
from retention_ml.warehouse import Warehouse

Row = Mapping[str, Any]

METRICS = {
    "roc_auc": "ranking of risk (ROC AUC)",
    "pr_auc": "precision and recall (PR AUC)",
    "brier": "squared error of the probability (Brier score)",
    "log_loss": "log loss",
    "ece": "calibration error (ECE)",
    "lift_at_10": "lift in the tenth at highest risk",
    "profit_per_thousand": "profit of a campaign, per 1,000 customers",
    "retention_rate": "customers who came back",
    "churn_rate": "customers who stayed away",
}
LOWER_IS_BETTER = {"brier", "log_loss", "ece", "churn_rate"}
_HEADLINES = {
    "won": "Version {challenger} won: it predicts better than version {champion}",
    "lost": "Version {challenger} lost: version {champion} predicts better and stays champion",
    "undecided": "No difference was shown in time: version {champion} stays champion",
    "abandoned": "The trial of version {challenger} against version {champion} was abandoned",
    "rejected": "Version {challenger} predicts better but was not promoted: version {champion} "
    "stays champion",
    "promote": "Version {challenger} predicts better than version {champion} and may become "
    "champion",
    "keep": "Version {challenger} is no better: version {champion} stays champion",
    "inconclusive": "Not decided yet: version {challenger} against version {champion}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What is known of one trial, up to a look.

    Parameters
    ----------
    trial : mapping
        Its row of `outcomes.trials`.
    looks : sequence of mappings
        Its rows of `outcomes.trial_looks`, the oldest first; may be empty. `evidence` of a look
        may hold `calibration` (for champion and challenger a list of bins with `predicted`,
        `observed` and `customers_count`), `guards` (what was checked besides: `what`, `outcome`,
        `sentence`), `arms` (`challenger_share`, `customers_count`, `challengers_count`,
        `mismatch_p_value`), and `path` (the evidence after each scored day: `scored_as_of`,
        `mean`, `lower`, `upper`, `e_better`, `e_worse`).
    measured : sequence of mappings
        The rows of `outcomes.comparisons` of the newest look.
    performance : sequence of mappings
        Rows of `outcomes.performance` about all customers: both models' metrics of each scored day
        since the trial began.
    decisions : sequence of mappings
        Rows of `models.promotions` about the two versions, the oldest first.
    rules : Rules
        When a trial is decided: `[trial]` of the settings.
    forgotten : str
        How many of each arm were forgotten, in words; empty where nobody was.
    """

    trial: Row
    looks: Sequence[Row] = ()
    measured: Sequence[Row] = ()
    performance: Sequence[Row] = ()
    decisions: Sequence[Row] = ()
    rules: Rules
    forgotten: str = ""

    @property
    def newest(self) -> Row | None:
        """The newest look, None before the first."""
        return self.looks[-1] if self.looks else None

    @property
    def paired(self) -> list[Row]:
        """Both models on the same customers, at the newest look."""
        return [row for row in self.measured if row["comparison"] == "paired"]

    @property
    def verdict(self) -> str:
        """won, lost, undecided or abandoned; of an open trial promote, keep or inconclusive."""
        if self.trial["status"] != "open":
            return str(self.trial["status"])
        return str(self.newest["verdict"]) if self.newest else "inconclusive"

    @property
    def headline(self) -> str:
        """The verdict in words."""
        verdict = self.verdict
        if verdict == "lost" and self.newest and self.newest["verdict"] == "promote":
            verdict = "rejected"
        return _HEADLINES[verdict].format(
            champion=self.trial["champion_version"], challenger=self.trial["challenger_version"]
        )

    @property
    def reason(self) -> str:
        """Why, in words."""
        return f"{self._reason} {self.forgotten}".rstrip()

    @property
    def _reason(self) -> str:
        if self.trial["reason"]:
            return str(self.trial["reason"])
        if self.newest:
            return str(self.newest["reason"])
        return "No outcome window of a day that both scored has closed yet."

    @property
    def e_needed(self) -> float:
        """The e-value that decides."""
        return 1 / self.rules.error_rate

    @property
    def contacted_share(self) -> float | None:
        """Of the champion's forecasts, those of customers whom a campaign reached; None if unknown.

        Over all scored days, as `contacted_count` of a look: a look's `customers_count` leaves out
        overlapping windows besides and is no base for a share.
        """
        days = {
            row["as_of"]: (row["contacted_count"], row["customers_count"])
            for row in self.performance
            if row["role"] == "champion"
        }
        contacted = sum(count for count, _ in days.values())
        every = contacted + sum(count for _, count in days.values())
        return contacted / every if every else None


def load_comparison(
    warehouse: Warehouse, *, settings: Settings, trial_id: int, as_of: date | None = None
) -> Comparison:
    """What is known of a trial, up to the look of `as_of` (the newest by default).

    Raises
    ------
    UsageError
        There is no such trial.
    """
    with warehouse.transaction() as transaction:

        def rows(sql: str, **parameters: Any) -> list[Row]:
            return [row._asdict() for row in transaction.execute(sql, **parameters)]

        trials = rows("SELECT * FROM outcomes.trials WHERE trial_id = :id", id=trial_id)
        if not trials:
            raise UsageError(f"There is no trial {trial_id}. `retention models` lists the trials.")
        trial = trials[0]
        looks = rows(
            "SELECT * FROM outcomes.trial_looks WHERE trial_id = :id "
            "AND (CAST(:day AS date) IS NULL OR as_of <= :day) ORDER BY as_of",
            id=trial_id,
            day=as_of,
        )
        return Comparison(
            trial=trial,
            looks=looks,
            measured=rows(
                "SELECT * FROM outcomes.comparisons WHERE trial_id = :id AND as_of = :day "
                "ORDER BY comparison DESC, segment <> 'all', segment, metric",
                id=trial_id,
                day=looks[-1]["as_of"] if looks else None,
            ),
            performance=rows(
                "SELECT as_of, role, model_version, metric, value, lower, upper, customers_count, "
                "contacted_count "
                "FROM outcomes.performance WHERE segment = 'all' AND as_of >= :began "
                "AND known_as_of <= coalesce(CAST(:day AS date), known_as_of) "
                "AND (role, model_version) IN (('champion', :champion), ('challenger', :challenger)) "
                "ORDER BY as_of, role, metric",
                began=trial["began_on"],
                day=as_of,
                champion=trial["champion_version"],
                challenger=trial["challenger_version"],
            ),
            decisions=rows(
                "SELECT decided_at, alias, verdict, model_name, model_version, decided_by, reason "
                "FROM models.promotions WHERE model_version = ANY (:versions) "
                "ORDER BY promotion_id",
                versions=[trial["champion_version"], trial["challenger_version"]],
            ),
            rules=settings.trial,
            forgotten=forgotten_sentence(transaction, "trial", trial_id),
        )


def advantage(row: Row) -> tuple[float, float, float]:
    """Difference and the ends of its interval, turned so that above zero the challenger is better."""
    if row["metric"] in LOWER_IS_BETTER:
        return -row["difference"], -row["upper"], -row["lower"]
    return row["difference"], row["lower"], row["upper"]


def direction(row: Row) -> str:
    """The challenger against the champion: better, worse or no difference shown."""
    _, lower, upper = advantage(row)
    return "better" if lower > 0 else "worse" if upper < 0 else "no difference shown"


def formatted(row: Row) -> dict[str, str]:
    """Both values, the difference and the ends of its interval, with as many digits as matter."""
    digits = 4 if abs(row["champion_value"]) < 10 else 0
    plain = {name: f"{row[name]:,.{digits}f}" for name in ("champion_value", "challenger_value")}
    return plain | {name: f"{row[name]:+,.{digits}f}" for name in ("difference", "lower", "upper")}


def summary(comparison: Comparison) -> str:
    """The trial in Markdown: verdict, evidence, and the paired metrics of all customers."""
    trial, look = comparison.trial, comparison.newest
    parts = [f"**{comparison.headline}.** {comparison.reason}"]
    if look:
        parts.append(
            f"Outcomes known on {look['as_of']}: {look['customers_count']:,} forecasts, the e-value "
            f"{look['e_better']:.3g} of {comparison.e_needed:.0f} that decide."
        )
    rows = [row for row in comparison.measured if row["segment"] == "all"]
    if rows:
        lines = [
            f"| metric | champion v{trial['champion_version']} "
            f"| challenger v{trial['challenger_version']} | difference (95 %) |",
            "|---|---|---|---|",
        ]
        for row in rows:
            texts = formatted(row)
            lines.append(
                f"| {row['metric']}{' (arms)' if row['comparison'] == 'arms' else ''} "
                f"| {texts['champion_value']} | {texts['challenger_value']} "
                f"| {texts['difference']} ({texts['lower']} to {texts['upper']}) |"
            )
        parts.append("\n".join(lines))
    return "\n\n".join(parts)
