"""Figures of the service: what it answered, what waits, how old what waits is."""

import threading
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from retention_ml.metrics.exposition import render
from retention_ml.metrics.families import Family, Kind, Labels, Sample, labels_of
from retention_ml.reports.live_state import live_state, of_warehouse
from retention_ml.warehouse import Warehouse

_GAUGES = {
    "waiting_events": "Events that are in the log and in no batch yet.",
    "open_batches": "Batches whose customers have no fresh score yet.",
    "events_last_hour": "Events received in the last hour.",
    "warnings_last_hour": "Warnings written in the last hour.",
    "held_last_hour": "Batches that a check held back in the last hour.",
    "fresh_scores": "Customers with a fresh score.",
    "is_worker_listening": "1 if a worker waits for events, else 0.",
    "lag_seconds": "Age of the oldest event whose customer has no fresh score yet; 0 where none waits.",
}


def state(warehouse: Warehouse, now: datetime) -> dict[str, Any]:
    """How the log and the fresh scores are at a moment (`reports.live_state`)."""
    return live_state(of_warehouse(warehouse), now)


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
