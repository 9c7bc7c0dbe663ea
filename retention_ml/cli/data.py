"""Commands about data: ingest, quarantine, build-features, feedback."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from retention_ml.cli.days import Every, First, Last, days_named
from retention_ml.cli.frame import (
    AsOf,
    Json,
    command,
    console,
    day,
    note,
    opened,
    print_json,
    print_rows,
    print_table,
    working,
)
from retention_ml.cli.sources import Source
from retention_ml.errors import FileRefused, UsageError

if TYPE_CHECKING:
    from retention_ml.receipts import Receipt
    from retention_ml.settings import Settings
    from retention_ml.warehouse import Warehouse

_FILES_SHOWN = 40

_MESSAGES_BYTES_MAX = 100_000_000

_feedback = typer.Typer(help="What customers write.", no_args_is_help=True)
_quarantine = typer.Typer(help="Rows that could not be used.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    app.command()(ingest)
    app.add_typer(_quarantine, name="quarantine")
    app.add_typer(_feedback, name="feedback")
    app.command("build-features")(build_features)


def ingest(
    files: Annotated[list[Path], typer.Argument(help="Delivered files.")],
    source: Source,
    history: Annotated[
        bool,
        typer.Option(
            "--history",
            help="Past data: a row counts as known from when it happened, not from today.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Bring files through the checks into the warehouse; safe to repeat."""
    with opened(as_json, may_create=True) as (warehouse, settings):
        from retention_ml.curated.ingest import ingest as bring_in

        with working(f"{source}:") as say:
            receipt = bring_in(
                warehouse, settings=settings, source=source, files=files, history=history, say=say
            )
        _print_receipt(receipt, as_json)


@_quarantine.command("list")
def quarantine_list(as_json: Json = False) -> None:
    """Count the rows in quarantine by source and reason."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.reports.read import quarantine_summary

        print_rows("Quarantine", quarantine_summary(warehouse, settings), as_json=as_json)


@_quarantine.command("show")
def quarantine_show(
    reason: Annotated[str | None, typer.Option(help="Only this reason code.")] = None,
    source: Annotated[str | None, typer.Option(help="Only this source.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many rows at most.")] = 20,
    as_json: Json = False,
) -> None:
    """Show quarantined rows as they were delivered."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.audit.entries import Event
        from retention_ml.audit.record_event import record_event
        from retention_ml.reports.read import quarantined_rows

        _check_filter(warehouse, settings, source=source, reason=reason)
        record_event(
            warehouse,
            Event.QUARANTINE_SHOWN,
            settings=settings,
            subject="quarantine",
            details={"reason": reason, "source": source, "rows_count_max": limit},
        )
        rows = quarantined_rows(warehouse, reason=reason, source=source, limit=limit)
        print_rows("Quarantined rows", rows, as_json=as_json)


@_quarantine.command("replay")
def quarantine_replay(
    source: Annotated[str | None, typer.Option(help="Only this source.")] = None,
    reason: Annotated[str | None, typer.Option(help="Only this reason code.")] = None,
    as_json: Json = False,
) -> None:
    """Try quarantined rows again, after a source description was corrected."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.curated.ingest import replay_quarantine

        _check_filter(warehouse, settings, source=source, reason=reason)
        with working("Replaying …"):
            receipt = replay_quarantine(warehouse, settings=settings, source=source, reason=reason)
        _print_receipt(receipt, as_json)


def build_features(
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", metavar="YYYY-MM-DD", help="One day, in place of a range."),
    ] = None,
    first: First = None,
    last: Last = None,
    every: Every = "1d",
    as_json: Json = False,
) -> None:
    """Compute each active customer's features as they stood at the start of a day."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.features.build import build_many

        days = days_named([as_of] if as_of else None, first, last, every)
        with working(f"Building features for {len(days)} day(s) …"):
            receipts = build_many(warehouse, settings=settings, days=days)
        if as_json:
            documents = [receipt.to_dict() for receipt in receipts]
            print_json(documents[0] if as_of else documents)
        else:
            for receipt in receipts:
                console.print(f"{receipt}, digest {receipt.details['features_digest']}")


def _check_filter(
    warehouse: "Warehouse", settings: "Settings", *, source: str | None, reason: str | None
) -> None:
    """UsageError where no row can be of that source or reason: it is misspelt.

    What is in quarantine is accepted too: a description may have been removed since.
    """
    from retention_ml.deliveries.description.loading import load_source
    from retention_ml.deliveries.reasons import MEANINGS
    from retention_ml.deliveries.source_names import source_names
    from retention_ml.reports.read import declared_reasons, quarantine_summary

    described = source_names(settings.sources)
    sources, codes = {None, *described}, {None, *MEANINGS}
    if source in sources and reason in codes:
        return
    rows = quarantine_summary(warehouse)
    if source not in sources | {row["source"] for row in rows}:
        load_source(settings.sources, str(source))
    codes |= {row["reason_code"] for row in rows}
    if reason not in codes:
        codes.update(*declared_reasons(settings, described).values())
    if reason not in codes:
        raise UsageError(
            f"There is no reason code {reason!r}; known are {', '.join(sorted(filter(None, codes)))}. "
            "`retention quarantine list` shows which of them have rows."
        )


def _print_receipt(receipt: "Receipt", as_json: bool) -> None:
    """The receipt, what it lists as tables, and where the quality report lies.

    A file that was refused or held while others went through ends the command with code 3.
    """
    if as_json:
        print_json(receipt.to_dict())
    else:
        _show_receipt(receipt)
    if receipt.details.get("refused") or receipt.details.get("held"):
        raise typer.Exit(FileRefused.exit_code)


def _show_receipt(receipt: "Receipt") -> None:
    document = receipt.to_dict()
    by_file = document.pop("by_file", [])
    console.print(str(receipt))
    if by_file:
        print_rows("What each file gave", by_file[:_FILES_SHOWN])
    if len(by_file) > _FILES_SHOWN:
        console.print(f"… and {len(by_file) - _FILES_SHOWN:,} more files.")
    if guests := document.get("without_customer"):
        rows = "row has" if guests == 1 else "rows have"
        console.print(f"{guests:,} {rows} no customer (guests).")
    for name, value in document.items():
        if isinstance(value, dict) and value:
            print_table(name.replace("_", " "), ("", ""), list(value.items()))
        elif isinstance(value, list) and value:
            print_table(name.replace("_", " "), ("",), [(item,) for item in value])
    if receipt.details.get("report"):
        note(f"The quality report is {receipt.details['report']}.")
    elif receipt.details.get("batch_id") is None:
        note("There was nothing new to take in.")


@_feedback.command("label")
def label_feedback(as_of: AsOf, as_json: Json = False) -> None:
    """Give new messages their language, sentiment, topic and route; learn from stars when due."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.feedback.fit_stars import fit_stars
        from retention_ml.feedback.label import label as door

        with working("Reading messages …"):
            fitted = fit_stars(warehouse, settings=settings, as_of=day(as_of))
            receipt = door(warehouse, settings=settings, as_of=day(as_of))
        if as_json:
            print_json({"fit_stars": fitted.to_dict(), "label": receipt.to_dict()})
            return
        console.print(str(fitted))
        console.print(str(receipt))
        topics = receipt.details["topics"]
        print_table("Messages of this run", ("topic", "messages"), sorted(topics.items()))


@_feedback.command("check")
def check_feedback(
    file: Annotated[Path, typer.Argument(help="A text file, one message per line.")],
    as_json: Json = False,
) -> None:
    """Say what the starter makes of each line of a file; nothing is stored.

    The shop's own stars are not asked, so sentiments may differ from stored ones; topics do not.
    """
    with command(as_json) as settings:
        from retention_ml.feedback.cleaning import clean
        from retention_ml.feedback.language import language_of
        from retention_ml.feedback.sentiment import Sentiment
        from retention_ml.feedback.starter.shipped import shipped
        from retention_ml.feedback.topics import load_topics

        texts = [clean(line) for line in _messages(file)]
        languages = [language_of(text) for text in texts]
        shares = Sentiment(starter=shipped()).shares(texts, languages)
        topics = load_topics(settings.topics_file)
        labels = [
            topics.topic_of(text, language, share)
            for text, language, share in zip(texts, languages, shares, strict=True)
        ]
        rows = [
            (
                number,
                str(language),
                "–" if share is None else f"{share:.2f}",
                topic.name,
                topic.route,
            )
            for number, (language, share, topic) in enumerate(
                zip(languages, shares, labels, strict=True), 1
            )
        ]
        columns = ("line", "language", "sentiment", "topic", "route")
        if as_json:
            print_json({"lines": [dict(zip(columns, row, strict=True)) for row in rows]})
            return
        print_table("By line", columns, rows)
        print_table(
            "Topics", ("topic", "lines"), Counter(topic.name for topic in labels).most_common()
        )


def _messages(file: Path) -> list[str]:
    if not file.is_file() or file.stat().st_size > _MESSAGES_BYTES_MAX:
        raise UsageError(
            f"{file.name} is no file of at most {_MESSAGES_BYTES_MAX // 1_000_000} MB; expected a text "
            "file with a message per line. Check the name, or try a part of it."
        )
    return file.read_text(encoding="utf-8", errors="replace").splitlines()
