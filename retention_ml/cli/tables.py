"""Tables that more than one command prints."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from retention_ml.cli.frame import console, print_json, print_mapping, print_table

if TYPE_CHECKING:
    from retention_ml.settings import Settings

Rows = Sequence[Mapping[str, Any]]
_INTERVAL = ("value", "lower", "upper")
_SECRET = ("airflow_password", "mlflow_password", "mlflow_url", "bi_dsn", "ds_dsn")
_HIDDEN = "shown by retention status --secrets"
_TROUBLE = ("failed_runs", "unusable_files", "incomplete_feeds", "alerts")
_LISTS = {"mixed": "Most probable", "again": "To buy again", "new": "New to try"}


def print_comparison(rows: Rows) -> None:
    """Candidates of a training, each metric with its 95 % interval."""
    metrics = ("roc_auc", "roc_auc_minus_recency", "log_loss", "brier", "ece", "lift_at_10")
    print_table(
        "Candidates on later days (95 % intervals)",
        ("model", *(name.replace("_minus_", " − ").replace("_", " ") for name in metrics)),
        [
            (
                ("» " if row["is_selected"] else "  ") + str(row["model"]),
                *(
                    format_interval(row, "+.3f" if "minus" in name else ".3f", metric=name)
                    for name in metrics
                ),
            )
            for row in rows
        ],
    )


def print_versions(rows: Rows) -> None:
    """Registered versions, what was measured of each and what was decided last."""
    with_contacts = any(row["contacts"] for row in rows)
    print_table(
        "Versions",
        (
            *("version", "model", "trained", "alias", "ROC AUC at training", "trial"),
            "last decision",
            *(("trained and evaluated on",) if with_contacts else ()),
        ),
        [
            (
                str(row["version"]),
                row["model"],
                row["trained_as_of"],
                row["alias"],
                format_interval(row, metric="roc_auc"),
                row["trial"],
                row["last_decision"],
                *((row["evaluated_on"],) if with_contacts else ()),
            )
            for row in rows
        ],
    )


def print_tiers(as_of: object, rows: Rows, settings: "Settings") -> None:
    """Customers and value per tier of a day, and what to note."""
    from retention_ml.reports import words

    columns = words.tier_columns(settings.calendar.currency, settings.value.horizon_days)
    print_table(words.tier_title(as_of, rows), columns, words.tier_table(rows))
    for sentence in words.tier_notes(rows):
        console.print(sentence)


def format_interval(
    row: Mapping[str, Any], style: str = ".3f", *, metric: str | None = None
) -> str | None:
    """`value [lower, upper]` of a row, or a metric's columns; None where there is no value."""
    names = (metric, f"{metric}_lower", f"{metric}_upper") if metric else _INTERVAL
    value, lower, upper = map(row.get, names)
    if value is None or lower is None or upper is None:
        return _plain(value, style)
    return f"{value:{style}} [{lower:{style}}, {upper:{style}}]"


def _plain(value: float | None, style: str) -> str | None:
    """The number in that style; nothing where there is none."""
    return None if value is None else f"{value:{style}}"


def print_counts(title: str, counts: Mapping[str, int]) -> None:
    """A line of names with their counts, the largest first; nothing where there is none."""
    if counts:
        ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        words = ", ".join(f"{name} {count:,}" for name, count in ordered)
        console.print(f"{title}: {words}.", soft_wrap=True)


def print_lists(recommended: Mapping[str, Any]) -> None:
    """The lists of one customer; a line where there is none."""
    if recommended["as_of"] is None:
        console.print(
            "No lists are published: `retention recommend --as-of D` makes those of a day.",
            soft_wrap=True,
        )
        return
    within = f"bought within {recommended['horizon_days']} days"
    for name, title in _LISTS.items():
        rows = [row for row in recommended["lists"] if row["list"] == name]
        print_table(
            f"{title}, {recommended['as_of']}",
            ("", "product", "name", within, "because"),
            [
                (
                    row["rank"],
                    row["product_id"],
                    row["product_name"],
                    row["purchase_probability"],
                    row["reason"],
                )
                for row in rows
            ],
        )
    if recommended["caveat"]:
        console.print(recommended["caveat"], soft_wrap=True)


def hide_secret(name: str, value: object) -> object:
    """The value without its password; what is none stays.

    >>> hide_secret("bi_dsn", "postgresql://retention_bi:secret@127.0.0.1:5432/retention")
    'postgresql://retention_bi:***@127.0.0.1:5432/retention'
    """
    if value is None or name not in _SECRET:
        return value
    if name.endswith("_password"):
        return _HIDDEN
    return re.sub(r"(?<=:)[^:@/]*(?=@)", "***", str(value))


def print_status(state: dict[str, Any]) -> None:
    """The verdict, what is wrong, the rest as tables, addresses in one line each."""
    style = {"in time": "bold green", "waiting": "bold"}.get(state["verdict"], "bold red")
    console.print(state["sentence"], style=style, soft_wrap=True)
    console.print()
    for name in _TROUBLE:
        if state[name]:
            print_mapping(name.replace("_", " ").capitalize(), state[name])
    dsns = {name: state[name] for name in ("bi_dsn", "ds_dsn")}
    hidden = {"verdict", "sentence", *_TROUBLE, *dsns}
    print_mapping("Status", {name: state[name] for name in state if name not in hidden})
    for name, address in dsns.items():
        if address:
            console.print(f"{name.replace('_', ' ')}: {address}", soft_wrap=True)


def print_stack(settings: "Settings", state: list[dict[str, object]], as_json: bool) -> None:
    """How every part of the local stack is, or one JSON document."""
    if as_json:
        print_json(state)
        return
    is_missing = not settings.home.exists()
    console.print(
        f"The home is {settings.home}{', which does not exist' if is_missing else ''}.",
        soft_wrap=True,
    )
    print_table(
        "Local stack",
        ("component", "state", "address"),
        [(row["name"], row["state"], row.get("address")) for row in state],
    )
