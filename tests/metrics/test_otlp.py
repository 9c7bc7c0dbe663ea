"""What is pushed becomes series with few labels, by the names that Prometheus expects."""

import pytest
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View

from retention_ml.metrics import otlp
from tests.metrics.otlp_requests import body, counter, gauge, timer


def _only(request: bytes) -> otlp.Point:
    points, refused_count = otlp.decode(request)
    assert refused_count == 0
    [point] = points
    return point


def test_a_counter_gets_its_ending_and_a_timer_seconds() -> None:
    finished = _only(body(counter("airflow.ti.finish", 3, dag_id="d", state="failed")))
    assert (finished.name, finished.kind, finished.value) == (
        "airflow_ti_finish_total",
        "counter",
        3,
    )
    assert finished.labels == (("dag_id", "d"), ("state", "failed"))
    duration = _only(body(timer("airflow.dagrun.dependency-check", 2, 1_500, dag_id="d")))
    assert duration.name == "airflow_dagrun_dependency_check_seconds"
    assert (duration.kind, duration.value, duration.amount) == ("summary", 2, 1.5)
    assert _only(body(gauge("airflow.pool.open_slots", 4))).name == "airflow_pool_open_slots"


def test_what_the_sdk_of_airflow_sends_is_understood() -> None:
    reader = InMemoryMetricReader()
    view = View(instrument_type=Histogram, aggregation=ExponentialBucketHistogramAggregation())
    meter = MeterProvider(metric_readers=[reader], views=[view]).get_meter("airflow")
    meter.create_counter("airflow.ti.start").add(2, {"dag_id": "d", "task_id": "t"})
    meter.create_up_down_counter("airflow.dag_processing.processes").add(1)
    meter.create_gauge("airflow.dagbag_size").set(12)
    meter.create_histogram("airflow.task.duration", unit="ms").record(250.0, {"dag_id": "d"})
    request = encode_metrics(reader.get_metrics_data()).SerializeToString()
    points, refused_count = otlp.decode(request)
    assert refused_count == 0
    assert {(each.name, each.kind, each.value, each.amount) for each in points} == {
        ("airflow_ti_start_total", "counter", 2, 0),
        ("airflow_dag_processing_processes", "gauge", 1, 0),
        ("airflow_dagbag_size", "gauge", 12, 0),
        ("airflow_task_duration_seconds", "summary", 1, 0.25),
    }


def test_attributes_that_are_not_listed_are_no_labels_but_part_of_the_stream() -> None:
    points = [
        _only(
            body(
                counter("airflow.ti.start", 1, dag_id="d", task_id=task, run_id="anna@shop.example")
            )
        )
        for task in ("a", "b")
    ]
    assert {each.labels for each in points} == {(("dag_id", "d"),)}
    assert len({each.stream for each in points}) == 2


@pytest.mark.parametrize(
    "metric",
    [
        counter("shop.orders", 1),
        counter("airflow.a b", 1),
        counter("airflow.a", -1),
        counter("airflow.a", float("nan")),
        gauge("airflow.a", float("inf")),
        counter("airflow.a", 1, dag_id="anna@shop.example"),
        counter("airflow.a", 1, dag_id='"} 1'),
        counter("airflow.a", 1, dag_id="d" * 101),
        counter("airflow.a", 1, dag_id="+49 170 1234567"),
    ],
    ids=[
        "not Airflow's",
        "name",
        "negative",
        "nan",
        "infinite",
        "address",
        "mark-up",
        "long",
        "phone",
    ],
)
def test_a_point_that_cannot_be_kept_is_counted(metric: object) -> None:
    assert otlp.decode(body(metric, gauge("airflow.b", 1)))[1] == 1  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "garbage", [b"garbage", b"\xff" * 100, b'{"resourceMetrics": []}', b"\n\x03abc"]
)
def test_garbage_is_refused_with_a_sentence(garbage: bytes) -> None:
    with pytest.raises(otlp.UnreadablePush, match="http/protobuf"):
        otlp.decode(garbage)


def test_an_empty_request_is_one_without_points() -> None:
    assert otlp.decode(b"") == ([], 0)
