"""Requests as Airflow's exporter makes them, by the protocol's own classes."""

from collections.abc import Mapping

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Metric,
    NumberDataPoint,
    Sum,
)

CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA


def _attributes(labels: Mapping[str, str]) -> list[KeyValue]:
    return [KeyValue(key=key, value=AnyValue(string_value=value)) for key, value in labels.items()]


def counter(
    name: str, value: float, *, start: int = 1, temporality: int = CUMULATIVE, **labels: str
) -> Metric:
    """A monotonic sum of a process that began at `start`."""
    point = NumberDataPoint(
        as_double=value, start_time_unix_nano=start, attributes=_attributes(labels)
    )
    data = Sum(data_points=[point], is_monotonic=True, aggregation_temporality=temporality)
    return Metric(name=name, sum=data)


def gauge(name: str, value: float, **labels: str) -> Metric:
    """A level."""
    point = NumberDataPoint(as_double=value, attributes=_attributes(labels))
    return Metric(name=name, gauge=Gauge(data_points=[point]))


def timer(name: str, count: int, milliseconds: float, *, start: int = 1, **labels: str) -> Metric:
    """Durations, as an exponential histogram."""
    point = ExponentialHistogramDataPoint(
        count=count, sum=milliseconds, start_time_unix_nano=start, attributes=_attributes(labels)
    )
    data = ExponentialHistogram(data_points=[point], aggregation_temporality=CUMULATIVE)
    return Metric(name=name, unit="ms", exponential_histogram=data)


def body(*metrics: Metric) -> bytes:
    """One request of all of them."""
    request = ExportMetricsServiceRequest()
    request.resource_metrics.add().scope_metrics.add().metrics.extend(metrics)
    return bytes(request.SerializeToString())


def airflow() -> bytes:
    """Every series of Airflow that a dashboard or a rule asks for, by the names of Airflow 3.3.2."""
    return body(
        timer(
            "airflow.dagrun.duration.success",
            2,
            90_000,
            dag_id="score_customers",
            run_type="manual",
        ),
        timer(
            "airflow.dagrun.duration.failed", 1, 5_000, dag_id="score_customers", run_type="manual"
        ),
        counter("airflow.ti.finish", 3, dag_id="score_customers", task_id="score", state="success"),
        counter(
            "airflow.ti.finish", 1, dag_id="score_customers", task_id="publish", state="failed"
        ),
        gauge("airflow.pool.running_slots", 1, pool_name="warehouse"),
        gauge("airflow.pool.queued_slots", 0, pool_name="warehouse"),
        gauge("airflow.pool.open_slots", 1, pool_name="warehouse"),
        counter("airflow.scheduler_heartbeat", 9),
        counter("airflow.dag_processor_heartbeat", 9),
        counter("airflow.triggerer_heartbeat", 9),
        timer("airflow.scheduler.scheduler_loop_duration", 100, 12_000),
    )
