"""What a run's note says: its day, and what came of it. Pure functions over receipts.

A note is one line that fits into Airflow's list of runs, such as
`2017-11-22 · 2,325 scored · 48 high`. What a person wrote below it is kept.
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

_SEPARATOR = " · "
_LINE = re.compile(r"\d{4}-\d{2}-\d{2}(?: · |$)")
_LENGTH_MAX = 1000  # of Airflow's column

Receipts = Mapping[str, Sequence[Mapping[str, Any]]]


def note(day: date, results: Iterable[str], before: str | None = None) -> str:
    """The note of a run.

    Parameters
    ----------
    day : date
    results : iterable of str
        See `results_of`.
    before : str, optional
        The run's note so far: a line of ours is replaced, whatever else stands there is kept below.
    """
    line = _SEPARATOR.join([day.isoformat(), *results])
    first, _, rest = (before or "").partition("\n")
    remark = rest.strip() if _LINE.match(first) else (before or "").strip()
    return "\n\n".join(part for part in (line, remark) if part)[:_LENGTH_MAX]


def results_of(receipts: Iterable[Mapping[str, Any]], failed: Iterable[str] = ()) -> list[str]:
    """What came of a run in a few words each, in the order of the flow.

    Parameters
    ----------
    receipts : iterable of mapping
        The receipts of the run's doors, as plain values.
    failed : iterable of str
        The tasks that failed.
    """
    by_door: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for receipt in receipts:
        by_door[str(receipt.get("door"))].append(receipt)
    words = [word for result in _RESULTS for word in result(by_door) if word]
    if names := sorted({name.rpartition(".")[2] for name in failed}):
        words.insert(0, f"failed: {', '.join(names)}")
    return words or ["nothing to do"]


def receipts_in(value: Any) -> Iterator[Mapping[str, Any]]:
    """The receipts among what a task returned, as Airflow's database keeps it: text of JSON."""
    result = json.loads(value) if isinstance(value, str) else value
    for one in result if isinstance(result, list) else [result]:
        if isinstance(one, Mapping) and "door" in one:
            yield one


def _ingested(receipts: Receipts) -> list[str]:
    if not receipts.get("land") and not receipts.get("hand_over"):
        return []
    files = sum(one["read"] for one in receipts.get("land", ()))
    rows = sum(one["written"] for one in receipts.get("curate", ()))
    lost = sum(one["quarantined"] for one in receipts.get("check", ()))
    incomplete = [feed for one in receipts.get("hand_over", ()) for feed in one["incomplete"]]
    return [
        f"{files:,} file{'' if files == 1 else 's'}" if files else "no new file",
        f"{rows:,} new rows" if files else "",
        f"{lost:,} quarantined" if lost else "",
        f"{len(incomplete)} incomplete" if incomplete else "",
    ]


def _built(receipts: Receipts) -> list[str]:
    excluded = sum(one["excluded"] for one in receipts.get("detect", ()))
    built = [f"features of {one['read']:,}" for one in receipts.get("build", ())]
    return [*built, f"{excluded:,} excluded" if excluded else ""]


def _trained(receipts: Receipts) -> list[str]:
    fits = len(receipts.get("models.fit", ()))
    decided = [
        f"{one['selected_model']}: {one['verdict']}" if one["selected_model"] else one["verdict"]
        for one in receipts.get("models.select", ())[-1:]  # `hand_over` returns it again
    ]
    return [f"{fits} candidate{'' if fits == 1 else 's'}" if fits else "", *decided]


def _scored(receipts: Receipts) -> list[str]:
    published = receipts.get("publish", ())
    tiers = [one["tiers"] for one in receipts.get("score", ())][-1:] if published else []
    return [
        *(f"{one['read']:,} scored" for one in published),
        *(
            f"{counts[tier]:,} {tier}"
            for counts in tiers
            for tier in ("critical", "high")
            if counts.get(tier)
        ),
    ]


def _published(receipts: Receipts) -> list[str]:
    return [
        *(f"{one['read']:,} profiles" for one in receipts.get("publish_profiles", ())),
        *(
            f"{one['written'] or one['duplicates']:,} lists"
            for one in receipts.get("publish_lists", ())
        ),
    ]


def _assigned(receipts: Receipts) -> list[str]:
    assigned = receipts.get("assign", ())[-1:]
    sent = sum(one["sent"] for one in receipts.get("dispatch", ()))
    return [
        *(f"{one['contacts_count']:,} contacts{_SEPARATOR}{one['status']}" for one in assigned),
        f"{sent:,} sent" if sent else "",
    ]


def _measured(receipts: Receipts) -> list[str]:
    watched = [*receipts.get("watch", ()), *receipts.get("watch_actions", ())]
    alerts = sum(len(one["alerts"]) for one in watched)
    verdicts = [str(one["verdict"]) for one in receipts.get("measure", ()) if one.get("verdict")]
    return [
        *verdicts[-1:],
        f"{alerts} alert{'' if alerts == 1 else 's'}" if watched else "",
    ]


_RESULTS: tuple[Callable[[Receipts], list[str]], ...] = (
    _ingested, _built, _trained, _scored, _published, _assigned, _measured,
)  # fmt: skip
