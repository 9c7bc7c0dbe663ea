"""What of a staged batch fails its suites: nothing, feeds that are not required, or all of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from retention_ml import tables
from retention_ml.deliveries.description.source import Source
from retention_ml.deliveries.ledger.batches import RowCounts
from retention_ml.expressions import sql_of
from retention_ml.quality import suites
from retention_ml.quality.results import CheckResult, Severity
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

REJECTS = "staging.rejects"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the suites say of a batch.

    Parameters
    ----------
    results : sequence of CheckResult
        Of the batch; empty where `failing_feeds` are to be held apart from it.
    failing_feeds : mapping of str to sequence of CheckResult
        The feeds without which the rest of the batch may pass.
    """

    results: Sequence[CheckResult] = ()
    failing_feeds: Mapping[str, Sequence[CheckResult]] = field(default_factory=dict)

    def findings(self, where: str) -> list[str]:
        """A sentence for every expectation that failed; of two about the same the wider limit."""
        failures: dict[tuple[object, ...], CheckResult] = {}
        for number, part in enumerate((self.results, *self.failing_feeds.values())):
            for result in part:
                key = (number, *result.subject)
                if not result.success and (
                    key not in failures or _limit(result) > _limit(failures[key])
                ):
                    failures[key] = result
        return [result.sentence(where) for result in failures.values()]


def _limit(result: CheckResult) -> float:
    """The share of rows that may fail."""
    return 1 - float(result.arguments.get("mostly", 1))


def critical_failures(results: Sequence[CheckResult], where: str) -> list[str]:
    """The sentences of the critical expectations that failed."""
    return [result.sentence(where) for result in results if _is_critical(result)]


def verdict(
    warehouse: Warehouse,
    settings: Settings,
    source: Source,
    batch_id: int,
    row_counts: Sequence[RowCounts],
    names: Sequence[str],
) -> Verdict:
    """Run the suites on a staged batch, and again on its parts where the whole fails.

    Parameters
    ----------
    row_counts : sequence of RowCounts
        The deliveries of the batch, their staged rows counted.
    names : sequence of str
        The tables that have rows of the batch.
    """

    def run(part: Sequence[RowCounts]) -> list[CheckResult]:
        queries = _queries(source, batch_id, part, names, is_whole=len(part) == len(row_counts))
        return suites.run(warehouse, queries, settings.expectations)

    whole = run(row_counts)
    if not any(map(_is_critical, whole)):
        return Verdict(results=whole)
    is_replay = any(one.replay_of for one in row_counts)  # of rows that a day went on without
    optional = {
        feed: run([one for one in row_counts if one.feed == feed])
        for feed in dict.fromkeys(one.feed for one in row_counts if one.delivered)
        if feed in source.feeds and (is_replay or not source.is_required(feed))
    }
    alone = {feed: part for feed, part in optional.items() if any(map(_is_critical, part))}
    # Small feeds may fail only together.
    for failing in (alone, optional) if len(alone) < len(optional) else (optional,):
        rest = [one for one in row_counts if one.feed not in failing]
        if failing and any(one.delivered for one in rest) and not any(map(_is_critical, run(rest))):
            return Verdict(failing_feeds=failing)
    return Verdict(results=whole)


def _is_critical(result: CheckResult) -> bool:
    return not result.success and result.severity is Severity.CRITICAL


def _queries(
    source: Source,
    batch_id: int,
    part: Sequence[RowCounts],
    names: Sequence[str],
    *,
    is_whole: bool,
) -> dict[str, str]:
    """The query of each suite about some deliveries of a batch."""
    deliveries = [one.delivery_id for one in part]
    described = {name for one in part for name in _tables_of(source, one.feed)}
    queries: dict[str, str] = {}
    for name in names:
        rows = tables.CANONICAL[name].ibis_table("staging", tables.STAGED)
        rows = rows.filter(rows.batch_id == batch_id)
        if is_whole or name in described:
            queries[f"staging.{name}"] = sql_of(
                rows if is_whole else rows.filter(rows.delivery_id.isin(deliveries)), "postgres"
            )
    queries[REJECTS] = _rejects_query(source, batch_id, part)
    return queries


def _tables_of(source: Source, feed_name: str) -> set[str]:
    """The tables that rows of a feed go to, directly or derived."""
    if feed_name not in source.feeds:
        return set()
    feed = source.feeds[feed_name]
    is_deriving_orders = feed.table == "order_lines" and not source.has_orders
    return {feed.table, *feed.also, *(["orders"] if is_deriving_orders else [])}


def _rejects_query(source: Source, batch_id: int, part: Sequence[RowCounts]) -> str:
    """One row per delivered row: `accepted`, `set_aside` by a rule of the source, or its reason."""
    declared = ", ".join(f"'{code}'" for code in ("", *source.declared_reasons()))
    deliveries = ", ".join(str(one.delivery_id) for one in part) or "NULL"
    staged = sum(one.staged for one in part)
    return (
        f"SELECT CASE WHEN reason_code IN ({declared}) THEN 'set_aside' ELSE reason_code END "
        f"AS rejected_as FROM staging.rejects WHERE batch_id = {batch_id} "
        f"AND delivery_id IN ({deliveries}) "
        # In the select list, so that the numbers are not written down first.
        f"UNION ALL SELECT 'accepted' FROM (SELECT generate_series(1, {staged})) AS accepted"
    )
