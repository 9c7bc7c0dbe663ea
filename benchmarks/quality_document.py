"""`docs/quality.md` from the reports of the quality benchmark: every figure in it was measured.

`python -m benchmarks.quality_document [FOLDER]` rewrites it from existing reports. The section
"Shops with known ground truth" at the end is written by hand and left as it is.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from retention_ml.models.backtest import figures
from retention_ml.models.backtest.predictions import to_arrays
from retention_ml.models.evaluation.figures.axes import png
from retention_ml.settings import PROJECT

DOCUMENT = PROJECT / "docs" / "quality.md"
REPORTS = PROJECT / "build" / "quality"
HAND_WRITTEN = "## Shops with known ground truth\n"
_TITLES = {
    "online_retail_ii_90d": "Online Retail II, 90 days",
    "online_retail_ii_30d": "Online Retail II, 30 days",
    "cdnow_90d": "CDNOW, 90 days",
    "complete_journey_28d": "Complete Journey, 28 days",
}
_METRICS = {
    "roc_auc": "ROC AUC",
    "pr_auc": "PR AUC churned",
    "pr_auc_retained": "PR AUC retained",
    "log_loss": "log loss",
    "brier": "Brier",
    "ece": "ECE",
    "lift_at_10": "lift at 10 %",
    "lift_at_10_of_best": "of best possible",
}
_PAIRED = {"roc_auc": "ROC AUC", "log_loss": "log loss", "brier": "Brier", "ece": "ECE"}
_DRAWN = ("mbg_nbd", "lightgbm_tuned")
_DPI = 72
_NOT_USED = {"every_days", "evaluation_count", "evaluation_rows_max", "candidates"}

Document = Mapping[str, Any]


def main() -> None:
    """Write the document from the reports of a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=REPORTS)
    write(parser.parse_args().folder, list(_TITLES))


def write(folder: Path, names: Sequence[str]) -> Path:
    """Write the document and its figures from `NAME.json` and `NAME.parquet`; its path."""
    documents = {
        name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in names
    }
    pictures = DOCUMENT.with_suffix("")
    pictures.mkdir(exist_ok=True)
    for name, document in documents.items():
        predictions = to_arrays(pq.read_table(folder / f"{name}.parquet"))
        reference = document["reference"]
        models = [reference, *(other for other in _DRAWN if other in document["models"])]
        for kind, figure in (
            ("differences", figures.differences(document)),
            ("calibration", figures.calibration(predictions, models)),
            ("over_time", figures.over_time(document, models)),
        ):
            (pictures / f"{name}_{kind}.png").write_bytes(png(figure, _DPI))
    DOCUMENT.write_text(text(documents) + _by_hand(), encoding="utf-8")
    return DOCUMENT


def text(documents: Mapping[str, Document]) -> str:
    """The generated part of the document, from the reports by task."""
    parts = [
        "# Prediction quality",
        "Written by `make benchmark-quality` (the last section is written by hand). "
        "Every figure was measured by `retention backtest`: for each day a model is trained only on "
        "what was known at the start of that day, predicts for the customers active then, and is "
        "evaluated on what they did afterwards. All data sets use the same code and the same "
        "settings; only the churn definition and the time zone differ.",
        "Figures are means over the days of a task. Intervals are 95 % by bootstrap over customers, "
        "the same resampled customers for all models and days, so that differences are paired. "
        "Chance inflates the ECE of every resample; the mean of that excess is subtracted. "
        "Absolute figures depend on shop and month; compare models within a task.",
        "## Summary",
        "ROC AUC / log loss / ECE:",
        _summary(documents),
        "## Champion minus each baseline",
        "Paired difference of ROC AUC with its 95 % interval:",
        _against(documents, "roc_auc"),
        "Paired difference of log loss (below zero is better):",
        _against(documents, "log_loss"),
        "## Targets",
        _targets(documents),
        "## Time",
        _time(documents),
        "## Settings",
        _settings(documents),
        "## Commands",
        "All tasks: `make benchmark-quality`. A single task, on a warehouse with its data:",
        "\n".join(f"```\n{_command(name, document)}\n```" for name, document in documents.items()),
    ]
    for name, document in documents.items():
        parts += _task(name, document)
    return "\n\n".join(parts) + "\n\n"


def interval(figure: Mapping[str, float | None], style: str) -> str:
    """`0.712 [0.701, 0.723]`, a dash where there is no figure."""
    value, lower, upper = figure["value"], figure["lower"], figure["upper"]
    if value is None:
        return "–"
    if lower is None or upper is None:
        return f"{value:{style}}"
    return f"{value:{style}} [{lower:{style}}, {upper:{style}}]"


def _summary(documents: Mapping[str, Document]) -> str:
    rows = []
    for model in _models(documents):
        by_task = [document["models"][model]["metrics"] for document in documents.values()]
        cells = [
            [metrics[m]["value"] for m in ("roc_auc", "log_loss", "ece")] for metrics in by_task
        ]
        rows.append(
            [
                f"`{model}`",
                *(_triple(cell) for cell in cells),
                _triple(np.mean(cells, axis=0).tolist()),
            ]
        )
    rates = [document["task"]["churn_rate"] for document in documents.values()]
    rows.insert(0, ["churn rate", *(f"{rate:.2f}" for rate in rates), f"{np.mean(rates):.2f}"])
    return _table(["model", *(_title(name) for name in documents), "mean"], rows)


def _against(documents: Mapping[str, Document], metric: str) -> str:
    reference = next(iter(documents.values()))["reference"]
    rows = []
    for model in _models(documents):
        if model == reference:
            continue
        differences = [document["differences"][model][metric] for document in documents.values()]
        rows.append(
            [
                f"`{model}`",
                *(interval(each, "+.4f") for each in differences),
                f"{np.mean([each['value'] for each in differences]):+.4f}",
            ]
        )
    return _table([f"{reference} minus", *(_title(name) for name in documents), "mean"], rows)


def _targets(documents: Mapping[str, Document]) -> str:
    """Measured values with the required and the target ones."""
    metrics = [
        document["models"][document["reference"]]["metrics"] for document in documents.values()
    ]
    auc = float(np.mean([each["roc_auc"]["value"] for each in metrics]))
    log_loss = float(np.mean([each["log_loss"]["value"] for each in metrics]))
    ece = [float(each["ece"]["value"]) for each in metrics]
    rows = []
    for rival, must, aim, whole in (
        ("mbg_nbd", 0.014, 0.020, True),
        ("lightgbm_tuned", 0.004, 0.010, False),
    ):
        differences = [document["differences"][rival]["roc_auc"] for document in documents.values()]
        mean = float(np.mean([each["value"] for each in differences]))
        above = sum(each["lower" if whole else "value"] > 0 for each in differences)
        rows.append(
            [
                f"ROC AUC over `{rival}`, paired",
                f"mean {mean:+.4f}; {'interval above zero' if whole else 'above zero'} on "
                f"{above} of {len(differences)} tasks",
                f"mean {must:+.3f} and all: {_reached(mean >= must and above == len(differences))}",
                f"mean {aim:+.3f}: {_reached(mean >= aim)}",
            ]
        )
    rows += [
        [
            "means of ROC AUC and log loss",
            f"{auc:.3f} and {log_loss:.3f}",
            f".800 and .450: {_reached(auc >= 0.7995 and log_loss <= 0.4505)}",
            f".804 and .443: {_reached(auc >= 0.8035 and log_loss <= 0.4435)}",
        ],
        [
            "ECE",
            f"mean {np.mean(ece):.3f}, highest {max(ece):.3f}",
            f"mean .035, highest .055: {_reached(np.mean(ece) <= 0.0355 and max(ece) <= 0.0555)}",
            f"highest .030: {_reached(max(ece) <= 0.0305)}",
        ],
    ]
    return _table(["", "measured", "required", "target"], rows)


def _reached(is_reached: Any) -> str:
    return "reached" if is_reached else "**not reached**"


def _time(documents: Mapping[str, Document]) -> str:
    rows = [
        [
            f"`{model}`",
            *(
                f"{np.mean([day['fit']['seconds'] for day in _days(document, model)]):.1f}"
                for document in documents.values()
            ),
        ]
        for model in _models(documents)
    ]
    sizes = [
        f"{np.mean([day['fit']['rows_count'] for day in _days(document, document['reference'])]):,.0f}"
        for document in documents.values()
    ]
    rows.append(["training rows", *sizes])
    rows.append(
        ["whole backtest, minutes", *(_minutes(document["run"]) for document in documents.values())]
    )
    return (
        "Seconds per fit, mean over the days, one thread with another fit running. The whole "
        "backtest builds features, fits, predicts and evaluates:\n\n"
        + _table(["", *(_title(name) for name in documents)], rows)
    )


def _minutes(run: Document) -> str:
    """Wall time of a run that did all of its work itself."""
    if run["kept"]:
        return f"– ({run['kept']} of {run['kept'] + run['fitted']} fits reused)"
    return f"{run['seconds'] / 60:.1f} with {run['workers']} processes"


def _settings(documents: Mapping[str, Document]) -> str:
    """The training settings and versions behind the figures, once per distinct set."""
    titles_by_settings: dict[str, list[str]] = {}
    for name, document in documents.items():
        training = document["settings"]["training"]
        shown = ", ".join(
            f"`{key} = {json.dumps(training[key])}`" for key in training if key not in _NOT_USED
        )
        versions = ", ".join(f"{what} {which}" for what, which in document["versions"].items())
        titles_by_settings.setdefault(f"{shown}. Code and libraries: {versions}.", []).append(
            _title(name)
        )
    return "\n\n".join(
        f"{', '.join(titles)}: {text}" for text, titles in titles_by_settings.items()
    )


def _days(document: Document, model: str) -> list[Document]:
    return list(document["models"][model]["by_as_of"].values())


def _command(name: str, document: Document) -> str:
    task = document["task"]
    days = " \\\n    ".join(f"--as-of {day}" for day in task["as_of"])
    definition = task["definition"]
    return (
        f"retention backtest {days} \\\n    --active-days {definition['active_days']} "
        f"--horizon-days {definition['horizon_days']} "
        f"--report {name}.json --predictions {name}.parquet"
    )


def _task(name: str, document: Document) -> list[str]:
    definition, reference = document["task"]["definition"], document["reference"]
    return [
        f"## {_title(name)}",
        f"Active: an order in the {definition['active_days']} days before; churned: none in the "
        f"{definition['horizon_days']} days that follow ({definition['timezone']}). Definition "
        f"`{definition_hash(document)}`.",
        _table(
            ["model", *_METRICS.values()],
            [
                [f"`{model}`", *(interval(result["metrics"][metric], ".3f") for metric in _METRICS)]
                for model, result in document["models"].items()
            ],
        ),
        f"`{reference}` minus the others, paired:",
        _table(
            ["model", *_PAIRED.values()],
            [
                [f"`{model}`", *(interval(difference[metric], "+.4f") for metric in _PAIRED)]
                for model, difference in document["differences"].items()
            ],
        ),
        f"![paired differences]({DOCUMENT.stem}/{name}_differences.png)",
        "By day:",
        _table(
            ["day", "customers", "churn rate", "ROC AUC", "log loss", "ECE"],
            [
                [
                    day["as_of"],
                    f"{day['customers']:,}",
                    f"{day['churn_rate']:.3f}",
                    *(
                        interval(
                            document["models"][reference]["by_as_of"][day["as_of"]][metric], ".3f"
                        )
                        for metric in ("roc_auc", "log_loss", "ece")
                    ),
                ]
                for day in document["days"]
            ],
        ),
        f"![quality by day]({DOCUMENT.stem}/{name}_over_time.png)",
        "By segment; thirds are computed per day:",
        _table(
            ["segment", "predictions", "churn rate", "model", "predicted", "ROC AUC", "ECE"],
            [
                [
                    label if number == 0 else "",
                    f"{segment['rows']:,}" if number == 0 else "",
                    f"{segment['churn_rate']:.3f}" if number == 0 else "",
                    f"`{model}`",
                    f"{metrics['mean_probability']:.3f}",
                    interval(metrics["roc_auc"], ".3f"),
                    interval(metrics["ece"], ".3f"),
                ]
                for label, segment in document["segments"].items()
                for number, (model, metrics) in enumerate(segment["models"].items())
            ],
        ),
        f"![calibration]({DOCUMENT.stem}/{name}_calibration.png)",
    ]


def definition_hash(document: Document) -> str:
    """The hash of the churn definition of a report."""
    return str(document["task"]["definition_hash"])


def _models(documents: Mapping[str, Document]) -> list[str]:
    """Models that every task has, in the order of the first."""
    first, *rest = (document["models"] for document in documents.values())
    return [name for name in first if all(name in other for other in rest)]


def _title(name: str) -> str:
    return _TITLES.get(name, name)


def _triple(values: Sequence[float]) -> str:
    return " / ".join(f"{value:.3f}" for value in values)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _by_hand() -> str:
    if DOCUMENT.is_file():
        _, heading, rest = DOCUMENT.read_text(encoding="utf-8").partition(HAND_WRITTEN)
        if heading:
            return heading + rest
    return HAND_WRITTEN


if __name__ == "__main__":
    main()
