"""Every family of the platform's own: name, kind, labels, and what a value is."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from retention_ml.metrics.families import Family, Kind, Sample, labels_of

SERIES_MAX = 2_000
"""An answer has fewer series than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What a family is, whatever its values."""

    kind: Kind
    labels: tuple[str, ...]
    text: str


def _gauge(text: str, *labels: str) -> Description:
    return Description(kind="gauge", labels=labels, text=text)


def _counter(text: str, *labels: str) -> Description:
    return Description(kind="counter", labels=labels, text=text)


CATALOGUE: Mapping[str, Description] = {
    "retention_warehouse_up": _gauge("1 if the ledgers of the warehouse could be read, else 0."),
    "retention_component_up": _gauge(
        "1 if the component answers and says that it is well, else 0.", "component"
    ),
    "retention_look_seconds": _gauge("How long the ledgers took to read, this time."),
    "retention_stage_runs_total": _counter("Finished runs of a stage.", "stage"),
    "retention_stage_seconds_total": _counter("Time that finished runs of a stage took.", "stage"),
    "retention_stage_last_success_timestamp_seconds": _gauge(
        "When a run of the stage last finished.", "stage"
    ),
    "retention_stage_age_seconds": _gauge("Time since then.", "stage"),
    "retention_rows_read_total": _counter("Rows that a stage has read.", "stage"),
    "retention_rows_total": _counter(
        "What became of the rows read: written, quarantined, left_out or duplicates.",
        "stage",
        "outcome",
    ),
    "retention_deliveries_total": _counter(
        "Delivered files, by what became of them.", "source", "status"
    ),
    "retention_delivered_rows_total": _counter(
        "Delivered rows: accepted, quarantined, left_out or duplicates.", "source", "outcome"
    ),
    "retention_batch_rows": _gauge(
        "Rows of the newest batch of a source, by what became of them.", "source", "outcome"
    ),
    "retention_source_last_accepted_timestamp_seconds": _gauge(
        "When a file of the source was last accepted.", "source"
    ),
    "retention_unusable_files": _gauge(
        "Refused or held files whose rows are still missing.", "source"
    ),
    "retention_scores_day_timestamp_seconds": _gauge(
        "Midnight, in UTC, of the newest day with published scores."
    ),
    "retention_scores_published_timestamp_seconds": _gauge("When that day was last published."),
    "retention_scores_age_seconds": _gauge("Time since then."),
    "retention_scores_late": _gauge(
        "1 if the scores of today are not there although they are due, or came late, else 0."
    ),
    "retention_scores_customers": _gauge("Scored customers of that day by risk tier.", "tier"),
    "retention_scores_value_at_risk": _gauge(
        "Expected value at risk of the tier, in the shop's currency.", "tier"
    ),
    "retention_model_info": _gauge("Always 1; which model scored that day.", "model", "version"),
    "retention_model_grade": _gauge(
        "1 for the grade of that model against the recency rule, 0 for the others.", "grade"
    ),
    "retention_model_roc_auc": _gauge("ROC AUC of that model, by the evidence of its grade."),
    "retention_model_recency_roc_auc": _gauge("ROC AUC of the recency rule on those customers."),
    "retention_alerts_open": _gauge(
        "Alerts that stand, or of a kind that is not watched until it ends and raised within the cooldown.",
        "kind",
        "severity",
    ),
    "retention_backup_age_seconds": _gauge(
        "Time since the newest backup of the kind that is still there.", "kind"
    ),
    "retention_backup_unproved_seconds": _gauge(
        "Time since a backup of the kind was last read whole and equal.", "kind"
    ),
    "retention_pushes_total": _counter(
        "Requests to /v1/metrics: accepted, malformed, too_large, or with points refused.", "result"
    ),
    "retention_pushed_points_refused_total": _counter(
        "Points of those requests that were not kept."
    ),
    "retention_pushed_series": _gauge("Series kept of what was pushed."),
    "retention_last_push_timestamp_seconds": _gauge("When something was last pushed."),
    "retention_series_left_out": _gauge(
        "Series left out of this answer, because it would have had 2,000 or more."
    ),
}


def family(name: str, rows: Iterable[tuple[Mapping[str, str], float]]) -> Family:
    """The family of that name.

    Parameters
    ----------
    name : str
        One of `CATALOGUE`.
    rows : iterable of (labels, value)
        Labels are those of the description.
    """
    description = CATALOGUE[name]
    samples = []
    for values, value in rows:
        if set(values) != set(description.labels):
            raise ValueError(f"{name} has the labels {description.labels}, not {tuple(values)}.")
        samples.append(Sample(labels=labels_of(values), value=float(value)))
    return Family(name=name, kind=description.kind, text=description.text, samples=tuple(samples))


def single(name: str, value: float | None) -> Family:
    """The family of one series without labels; of none where there is no value."""
    return family(name, [] if value is None else [({}, value)])
