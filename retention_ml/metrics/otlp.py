"""What is pushed by OpenTelemetry's protocol, over HTTP in protobuf, as points with few labels.

References
----------
OpenTelemetry Protocol 1.x, `opentelemetry/proto/metrics/v1/metrics.proto`.
"""

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from retention_ml.metrics.families import Kind, Labels, labels_of

PREFIX = "airflow."
LABELS = frozenset(
    {
        "dag_id", "state", "pool_name", "queue", "executor_class_name", "file_name", "run_type",
        "job_name", "status", "return_code",
    }
)  # fmt: skip
"""Attributes that become labels. Of all others, task, run, host and job among them, a series is the
sum: they would make a series for each run, and may hold what is nobody else's business."""
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.\-/]{0,199}")
_LABEL = re.compile(r"[A-Za-z0-9_.\- /]{0,100}")  # no @, no quote: neither address nor mark-up
_UNIT_SECONDS = {"ms": ("_seconds", 0.001), "s": ("_seconds", 1.0), "By": ("_bytes", 1.0)}


class UnreadablePush(ValueError):
    """What was pushed is no metrics request of the protocol."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One point of one stream.

    Parameters
    ----------
    name : str
        As Prometheus names it.
    kind : {"counter", "gauge", "summary"}
    labels : tuple of (name, value)
        Those that are kept.
    stream : tuple
        All attributes, and when the process that pushes began to count: two processes that count
        the same thing are two streams.
    is_total : bool
        Whether the value is since the beginning of the stream; else it is since its last point.
    value : float
        Of a summary the number of observations.
    amount : float
        Of a summary their sum, else 0.
    """

    name: str
    kind: Kind
    labels: Labels
    stream: tuple[object, ...]
    is_total: bool
    value: float
    amount: float = 0.0


def decode(body: bytes) -> tuple[list[Point], int]:
    """The points of a request, and how many points in it are of no use.

    Raises
    ------
    UnreadablePush
        The bytes are no such request.
    """
    try:
        request = ExportMetricsServiceRequest.FromString(body)
    except DecodeError as error:
        raise UnreadablePush(
            "The body is no ExportMetricsServiceRequest in protobuf; expected is what an "
            "OpenTelemetry exporter sends with OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf."
        ) from error
    points, refused_count = [], 0
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                for point in _points(metric):
                    if point is None:
                        refused_count += 1
                    else:
                        points.append(point)
    return points, refused_count


def _points(metric: Any) -> Iterator[Point | None]:
    shape = metric.WhichOneof("data")
    if shape is None:
        return
    data = getattr(metric, shape)
    if not metric.name.startswith(PREFIX) or not _NAME.fullmatch(metric.name):
        yield from (None for _ in data.data_points)
        return
    for point in data.data_points:
        yield _point(metric, shape, data, point)


def _point(metric: Any, shape: str, data: Any, point: Any) -> Point | None:
    attributes = _attributes(point.attributes)
    if attributes is None:
        return None
    unit, factor = _UNIT_SECONDS.get(metric.unit, ("", 1.0))
    kind: Kind
    if shape in ("sum", "gauge"):
        which = point.WhichOneof("value")
        if which is None:
            return None
        value, amount = factor * float(getattr(point, which)), 0.0
        kind = "counter" if shape == "sum" and data.is_monotonic else "gauge"
    else:  # histogram, exponential_histogram, summary
        value, amount, kind = float(point.count), factor * float(point.sum), "summary"
    if not (math.isfinite(value) and math.isfinite(amount)) or (kind != "gauge" and value < 0):
        return None
    is_delta = shape not in ("gauge", "summary") and (
        data.aggregation_temporality == AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
    )
    labels = {key: text for key, text in attributes if key in LABELS}
    if not all(_LABEL.fullmatch(text) for text in labels.values()):
        return None
    return Point(
        name=_name(metric.name, unit, kind),
        kind=kind,
        labels=labels_of(labels),
        # A gauge has no beginning: the newest value counts, whichever process pushed it.
        stream=(attributes, 0 if shape == "gauge" else point.start_time_unix_nano),
        is_total=not is_delta,
        value=value,
        amount=amount,
    )


def _attributes(attributes: Iterable[Any]) -> tuple[tuple[str, str], ...] | None:
    """Attributes as text, in order; None where one is no plain value or is too long."""
    values = {}
    for attribute in attributes:
        which = attribute.value.WhichOneof("value")
        if which not in ("string_value", "int_value", "bool_value", "double_value"):
            return None
        text = str(getattr(attribute.value, which))
        if len(attribute.key) > 100 or len(text) > 300:
            return None
        values[attribute.key] = text
    return tuple(sorted(values.items()))


def _name(name: str, unit: str, kind: Kind) -> str:
    """`airflow.ti.finish` as `airflow_ti_finish_total`."""
    plain = re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_")
    if unit and not plain.endswith(unit):
        plain += unit
    return f"{plain}_total" if kind == "counter" and not plain.endswith("_total") else plain
