"""Commands about source descriptions: list, check, guess, init."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from retention_ml.cli.frame import (
    Json,
    command,
    console,
    print_json,
    print_mapping,
    print_rows,
    print_table,
)
from retention_ml.errors import FileRefused, UsageError

if TYPE_CHECKING:
    from retention_ml.deliveries.inspect import Inspection, Report

_sources = typer.Typer(help="The source descriptions under sources/.", no_args_is_help=True)

_NAMES_SHOWN = 20
_NAME_CHARACTERS = 60
_QUESTIONS_SHOWN = 20
_FILES_SHOWN = 6

Source = Annotated[
    str, typer.Option("--source", help="Name of a file under sources/, without .toml.")
]


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    app.add_typer(_sources, name="sources")


@_sources.command("list")
def sources_list(as_json: Json = False) -> None:
    """List the sources with the files each expects."""
    with command(as_json) as settings:
        from retention_ml.deliveries.description.loading import load_source
        from retention_ml.deliveries.source_names import source_names

        rows = [
            {"source": name, "feed": feed_name, "files": ", ".join(feed.files), "table": feed.table}
            for name in source_names(settings.sources)
            for feed_name, feed in load_source(settings.sources, name).feeds.items()
        ]
        print_rows("Sources", rows, as_json=as_json)


@_sources.command("check")
def sources_check(
    files: Annotated[list[Path], typer.Argument(help="The files to try.")],
    source: Source,
    as_json: Json = False,
) -> None:
    """Show what a source description makes of files, without touching the warehouse."""
    with command(as_json) as settings:
        from retention_ml.deliveries.inspect import check_files

        report = check_files(files, settings=settings, source=source)
        if as_json:
            print_json(report.to_dict())
        else:
            _show_report(report)
        if report.refused:
            raise typer.Exit(FileRefused.exit_code)


@_sources.command("guess")
def sources_guess(
    files: Annotated[list[Path], typer.Argument(help="Exports of one shop.")],
    name: Annotated[str, typer.Option("--name", help="What the source will be called.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Where to write, default sources/NAME.toml."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a description that is there.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write a first description of files from the files themselves, to be looked at and edited."""
    with command(as_json) as settings:
        from retention_ml.deliveries.guess.guess import guess
        from retention_ml.deliveries.inspect import check_files
        from retention_ml.deliveries.ready.copying import check_name, write_description

        path = out or settings.sources / f"{name}.toml"
        if path.name != f"{check_name(name)}.toml":
            raise UsageError(
                f"{path.name} is no name for the description of {name}; expected {name}.toml. "
                "Write --out so, or another --name."
            )
        draft = guess(files, name=path.stem, settings=settings)
        remedy = "replace it with --overwrite"
        write_description(draft.toml, path, overwrite=overwrite, remedy=remedy)
        try:
            there = settings.model_copy(update={"sources": path.parent})
            outcome = _accepted(check_files(files, settings=there, source=path.stem))
        except UsageError as error:  # a line that the files could not fill in
            outcome = {"description": str(error)}
        except FileRefused as error:
            outcome = {"files": str(error)}
        if as_json:
            print_json({
                "path": str(path), "feeds": draft.feeds, "questions": draft.questions,
                "check": outcome, "toml": draft.toml,
            })  # fmt: skip
            return
        console.print(f"Wrote {path}.")
        print_mapping("As it stands", outcome)
        questions = [(question,) for question in draft.questions[:_QUESTIONS_SHOWN]]
        print_table("Look at these lines", ("",), questions)
        console.print(f"Then: retention sources check {_words(files)} --source {path.stem}")


@_sources.command("init")
def sources_init(
    name: Annotated[
        str | None, typer.Argument(help="A ready description, such as shopify.")
    ] = None,
    list_ready: Annotated[
        bool, typer.Option("--list", help="List the ready descriptions instead.")
    ] = False,
    copy_name: Annotated[
        str | None, typer.Option("--name", help="What the copy is called, default NAME.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Copy a ready description of a widespread system's export into sources/."""
    with command(as_json) as settings:
        from retention_ml.deliveries.ready.copying import copy_ready, ready_sources

        if name is None and not list_ready:
            raise UsageError("Name a ready description, or list them with --list.")
        if list_ready:
            rows = [{"name": one.name, "title": one.title} for one in ready_sources()]
            print_rows("Ready descriptions", rows, as_json=as_json)
            return
        path = copy_ready(str(name), settings.sources, copy_name)
        if as_json:
            print_json({"path": str(path)})
            return
        console.print(
            f"Wrote {path}. Set its title, timezone and currency, then: "
            f"retention sources check FILE --source {path.stem}"
        )


def _words(files: Sequence[Path]) -> str:
    """The files as words of a command; many by a pattern."""
    names = [shlex.quote(str(file)) for file in files]
    if len(files) > _FILES_SHOWN:
        names = [f"{shlex.quote(str(file.parent))}/*{file.suffix}" for file in files]
    return " ".join(dict.fromkeys(names))


def _accepted(report: "Report") -> dict[str, Any]:
    """What each file gives, in words."""
    outcome = {
        f"{count.file} ({inspection.feed})": f"{count.accepted:,} of {count.rows:,} rows accepted"
        + (f", {count.left_out:,} left out" if count.left_out else "")
        for inspection in report.feeds
        for count in inspection.files
    }
    outcome |= dict.fromkeys(report.lookups, "joined to the others")
    return outcome | dict(report.refused)


def _show_report(report: "Report") -> None:
    for inspection in report.feeds:
        _show_feed(inspection)
    for name in report.lookups:
        console.print(f"{name} is a reference file: its rows are joined to the others.")
    for sentence in (*report.remarks, *report.refused.values()):
        console.print(sentence)


def _show_feed(inspection: "Inspection") -> None:
    skipped = set(inspection.columns_not_read)
    summary = {
        "table": inspection.table,
        "rows": inspection.rows,
        "accepted": inspection.accepted,
        "left_out": inspection.left_out,
        "quarantined": inspection.rows - inspection.accepted - inspection.left_out,
        "orders": inspection.orders,
        "customers": inspection.customers,
        "without_customer": inspection.guests,
        "money": inspection.money,
        "times": inspection.first and f"{inspection.first} to {inspection.last}",
        "columns": len(inspection.columns),
        "columns_read": _shortened([name for name in inspection.columns if name not in skipped]),
        "columns_not_read": _shortened(inspection.columns_not_read),
    }
    shown = {name: value for name, value in summary.items() if value is not None}
    print_mapping(
        f"Feed {inspection.feed} of {inspection.source}", {**shown, "kinds": inspection.kinds}
    )
    if len(inspection.files) > 1:
        print_table(
            "Files",
            ("file", "rows", "accepted", "left out", "quarantined"),
            [(f.file, f.rows, f.accepted, f.left_out, f.quarantined) for f in inspection.files],
        )
    for count in inspection.files:
        if count.remark:
            console.print(count.remark)
    _show_examples(inspection)
    if inspection.rules:
        print_table(
            "Rows per rule",
            ("rule", "outcome", "rows"),
            [(rule.rule, rule.outcome, rule.count) for rule in inspection.rules],
        )
    if inspection.findings:
        print_table(
            "Rows that would go to quarantine",
            ("reason", "rows", "first lines", "meaning"),
            [
                (
                    finding.reason,
                    finding.count,
                    ", ".join(map(str, finding.lines)),
                    "\n".join((finding.meaning, *finding.details)),
                )
                for finding in inspection.findings
            ],
        )
    if len(inspection.months) > 1:
        print_table(
            "Months",
            ("month", "rows", "money"),
            [(month.month, month.rows, month.money or "") for month in inspection.months],
        )
    if inspection.suspicions:
        console.print("Look at this", style="bold")
        for sentence in inspection.suspicions:
            console.print(f"- {sentence}")
        console.print()


# What is shown of a row, by table: the width that its texts get.
_SHOWN = {
    "order_lines": {
        "order_id": 12, "customer_id": 14, "event_at": 25, "quantity": 6, "line_amount_cents": 14,
    },
    "events": {"customer_id": 20, "event_at": 26, "event_type": 16, "product_id": 16},
}  # fmt: skip
_HEADS = {"order_id": "order", "customer_id": "customer", "event_at": "time", "quantity": "pieces", "line_amount_cents": "paid"}  # fmt: skip
_OTHERS = 4


def _show_examples(inspection: "Inspection") -> None:
    """Two lines per row: the texts of the file, and below them what was understood."""
    if not inspection.examples:
        return
    first = inspection.examples[0]
    widths = _SHOWN.get(inspection.table, dict.fromkeys(list(first.before)[:_OTHERS], 20))
    names = [name for name in widths if name in first.before or name in first.after]
    rows: list[Sequence[str]] = []
    for example in inspection.examples:
        before = [_cut(example.before.get(name, ""), widths[name]) for name in names]
        after = [_cut(example.after.get(name, ""), widths[name]) for name in names]
        kind = example.after.get("kind", "") if example.after else example.outcome
        rows += [(str(example.line), *before, ""), ("→", *after, kind)]
    heads = [_HEADS.get(name, name) for name in names]
    print_table("First rows, → as understood", ("line", *heads, "kind"), rows)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _shortened(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    shown = ", ".join(name[:_NAME_CHARACTERS] for name in names[:_NAMES_SHOWN]) or "–"
    more = len(names) - _NAMES_SHOWN
    return f"{shown} and {more:,} more" if more > 0 else shown
