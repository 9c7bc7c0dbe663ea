"""The series that were pushed, summed over processes, in bounded memory."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock

from retention_ml.metrics.families import Family, Kind, Labels, Sample
from retention_ml.metrics.otlp import Point

SERIES_MAX = 700
"""Series by name and labels. A summary has two lines, so this is at most 1,400 of an answer."""
STREAMS_MAX = 20_000
_GAUGE_SECONDS = 900  # a process that ended says nothing more about how things are
_STREAM_SECONDS = 3_600
_SERIES_SECONDS = 86_400
_TEXT = "Pushed by Airflow as {name}; see its list of metrics."

_Key = tuple[str, Labels]


@dataclass(slots=True)
class _Series:
    kind: Kind
    value: float = 0.0
    amount: float = 0.0
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class _Stream:
    key: _Key
    value: float
    amount: float
    at: float


class PushedSeries:
    """What was pushed so far.

    Counters of several processes, and of those that have ended since, add up: a counter never
    falls. Gauges of several streams of one series add up too, as tasks of a DAG do.
    """

    def __init__(self, series_max: int = SERIES_MAX, streams_max: int = STREAMS_MAX) -> None:
        self._series_max, self._streams_max = series_max, streams_max
        self._series: dict[_Key, _Series] = {}
        self._streams: dict[tuple[object, ...], _Stream] = {}
        self._kinds: dict[str, Kind] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._series)

    def add(self, points: Iterable[Point], at: float) -> int:
        """Add points that came at a time, in seconds; how many were refused.

        Refused are points of a series, or stream, beyond the largest number of them, and those of
        another kind than the series of that name.
        """
        with self._lock:
            self._forget(at)
            return sum(not self._add(point, at) for point in points)

    def families(self, at: float) -> list[Family]:
        """The series as they are at a time, by name."""
        with self._lock:
            self._forget(at)
            levels: defaultdict[_Key, float] = defaultdict(float)
            for stream in self._streams.values():
                if self._series[stream.key].kind == "gauge":
                    levels[stream.key] += stream.value
            samples: defaultdict[str, list[Sample]] = defaultdict(list)
            for (name, labels), series in sorted(self._series.items()):
                match series.kind:
                    case "gauge":
                        if (name, labels) in levels:
                            samples[name].append(Sample(labels=labels, value=levels[name, labels]))
                    case "counter":
                        samples[name].append(Sample(labels=labels, value=series.value))
                    case "summary":
                        samples[name] += [
                            Sample(labels=labels, value=series.amount, suffix="_sum"),
                            Sample(labels=labels, value=series.value, suffix="_count"),
                        ]
            return [
                Family(
                    name=name,
                    kind=self._kinds[name],
                    text=_TEXT.format(name=name),
                    samples=tuple(samples[name]),
                )
                for name in sorted(samples)
            ]

    def _add(self, point: Point, at: float) -> bool:
        key = (point.name, point.labels)
        series = self._series.get(key)
        if self._kinds.get(point.name, point.kind) != point.kind:
            return False
        stream = (point.name, *point.stream)
        before = self._streams.get(stream)
        if (series is None and len(self._series) >= self._series_max) or (
            before is None and len(self._streams) >= self._streams_max
        ):
            return False
        if series is None:
            series = self._series[key] = _Series(point.kind)
            self._kinds[point.name] = point.kind
        series.at = max(series.at, at)  # a clock may be put back, and a series outlives its streams
        total = point.value if point.is_total or before is None else before.value + point.value
        self._streams[stream] = _Stream(key, total, point.amount, at)
        if point.kind == "gauge":
            return True
        # A total that fell is that of a process which began anew.
        is_continued = point.is_total and before is not None and before.value <= point.value
        series.value += point.value - (before.value if is_continued and before else 0.0)
        series.amount += point.amount - (before.amount if is_continued and before else 0.0)
        return True

    def _forget(self, at: float) -> None:
        """Drop streams and series that have been silent for long."""
        self._streams = {
            name: stream
            for name, stream in self._streams.items()
            if at - stream.at
            <= (_GAUGE_SECONDS if self._series[stream.key].kind == "gauge" else _STREAM_SECONDS)
        }
        silent = [
            key
            for key, each in self._series.items()
            if at - each.at > (_GAUGE_SECONDS if each.kind == "gauge" else _SERIES_SECONDS)
        ]
        for key in silent:
            del self._series[key]
        if silent:
            names = {name for name, _ in self._series}
            self._kinds = {name: kind for name, kind in self._kinds.items() if name in names}
