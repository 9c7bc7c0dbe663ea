"""Figures of the service: what it answered, what waits, how old what waits is."""

import threading
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from retention_ml.metrics.exposition import render
from retention_ml.metrics.families import Family, Kind, Labels, Sample, labels_of
from retention_ml.warehouse import Warehouse

_STATE = """
SELECT
    (SELECT count(*) FROM live.events WHERE live_batch_id IS NULL) AS waiting_events,
    (SELECT count(*) FROM live.batches WHERE refreshed_at IS NULL) AS open_batches,
    (SELECT min(at) FROM (
        SELECT min(received_at) AS at FROM live.events WHERE live_batch_id IS NULL
        UNION ALL SELECT min(first_received_at) FROM live.batches WHERE refreshed_at IS NULL
    ) AS oldest) AS oldest_waiting_at,
    (SELECT count(*) FROM live.events WHERE received_at >= :since) AS events_last_hour,
    (SELECT count(*) FROM live.warnings WHERE warned_at >= :since) AS warnings_last_hour,
    (SELECT count(*) FROM live.batches WHERE status = 'held' AND delivered_at >= :since)
        AS held_last_hour,
    (SELECT count(*) FROM scores.fresh WHERE as_of > coalesce(
        (SELECT max(as_of) FROM scores.published), 'epoch')) AS fresh_scores,
    (SELECT max(refreshed_at) FROM live.batches) AS refreshed_at
"""
_GAUGES = {
    "waiting_events": "Events that are in the log and in no batch yet.",
    "open_batches": "Batches whose customers have no fresh score yet.",
    "events_last_hour": "Events received in the last hour.",
    "warnings_last_hour": "Warnings written in the last hour.",
    "held_last_hour": "Batches that a check held back in the last hour.",
    "fresh_scores": "Customers with a fresh score.",
    "lag_seconds": "Age of the oldest event whose customer has no fresh score yet; 0 where none waits.",
}


def state(warehouse: Warehouse, now: datetime) -> dict[str, Any]:
    """How the log and the fresh scores are at a moment; `lag_seconds` is the oldest event that waits."""
    with warehouse.transaction() as transaction:
        [row] = transaction.execute(_STATE, since=now - timedelta(hours=1))
    values = dict(row._mapping)
    oldest = values.pop("oldest_waiting_at")
    values["lag_seconds"] = 0.0 if oldest is None else max(0.0, (now - oldest).total_seconds())
    return values


class Counts:
    """What the service answered since it began; safe among threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, str]] = Counter()
        self._events: Counter[tuple[str, str]] = Counter()

    def add_request(self, path: str, status: int) -> None:
        """Count an answer."""
        with self._lock:
            self._requests[path, str(status)] += 1

    def add_events(self, source: str, outcome: str, count: int) -> None:
        """Count events by what became of them."""
        with self._lock:
            self._events[source, outcome] += count

    def families(self) -> list[Family]:
        """What was counted, for Prometheus."""
        with self._lock:
            requests, events = dict(self._requests), dict(self._events)
        return [
            _family(
                "retention_live_requests_total",
                "counter",
                "Requests answered.",
                {
                    labels_of({"path": path, "status": status}): count
                    for (path, status), count in requests.items()
                },
            ),
            _family(
                "retention_live_events_total",
                "counter",
                "Events sent: accepted, repeated, contradicting or malformed.",
                {
                    labels_of({"source": source, "outcome": outcome}): count
                    for (source, outcome), count in events.items()
                },
            ),
        ]


def exposition(counts: Counts, of_state: Mapping[str, Any] | None) -> str:
    """The answer to `/metrics`; without a state the warehouse did not answer."""
    families = counts.families()
    families.append(
        _family(
            "retention_live_warehouse_up", "gauge", "1 if the warehouse answered, else 0.",
            {(): float(of_state is not None)},
        )
    )  # fmt: skip
    for name, text in _GAUGES.items() if of_state is not None else ():
        assert of_state is not None
        families.append(
            _family(f"retention_live_{name}", "gauge", text, {(): float(of_state[name])})
        )
    return render(families)


def _family(name: str, kind: Kind, text: str, values: Mapping[Labels, float]) -> Family:
    samples = tuple(Sample(labels=labels, value=value) for labels, value in sorted(values.items()))
    return Family(name=name, kind=kind, text=text, samples=samples)
