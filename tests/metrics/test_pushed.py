"""Series of many processes: sums that never fall, levels that end, bounded memory."""

from hypothesis import given
from hypothesis import strategies as st

from retention_ml.metrics import otlp
from retention_ml.metrics.pushed import PushedSeries
from tests.metrics.otlp_requests import DELTA, body, counter, gauge, timer


def _push(series: PushedSeries, *metrics: object, at: float = 0.0) -> int:
    points, refused_count = otlp.decode(body(*metrics))  # type: ignore[arg-type]
    assert refused_count == 0
    return series.add(points, at)


def _values(series: PushedSeries, at: float = 0.0) -> dict[str, float]:
    return {
        f"{family.name}{sample.suffix}{''.join(value for _, value in sample.labels)}": sample.value
        for family in series.families(at)
        for sample in family.samples
    }


def test_a_total_that_is_pushed_again_is_not_counted_again() -> None:
    series = PushedSeries()
    for value in (3, 3, 5):
        _push(series, counter("airflow.a", value))
    assert _values(series) == {"airflow_a_total": 5}


def test_processes_that_count_the_same_add_up() -> None:
    series = PushedSeries()
    for start in (1, 2, 3):
        _push(series, counter("airflow.ti.finish", 1, start=start, dag_id="d"))
        _push(series, timer("airflow.task.duration", 1, 500, start=start, dag_id="d"))
    assert _values(series) == {
        "airflow_ti_finish_totald": 3,
        "airflow_task_duration_seconds_countd": 3,
        "airflow_task_duration_seconds_sumd": 1.5,
    }


def test_a_naive_last_value_would_lose_what_other_processes_counted() -> None:
    last = 0.0
    for start in (1, 2, 3):
        [point], _ = otlp.decode(body(counter("airflow.a", 1, start=start)))
        last = point.value
    assert last == 1


def test_a_process_that_begins_anew_goes_on() -> None:
    series = PushedSeries()
    _push(series, counter("airflow.a", 7))
    _push(series, counter("airflow.a", 2))
    assert _values(series) == {"airflow_a_total": 9}


def test_differences_add_up() -> None:
    series = PushedSeries()
    for _ in range(3):
        _push(series, counter("airflow.a", 2, temporality=DELTA))
    assert _values(series) == {"airflow_a_total": 6}


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 9)), max_size=40))
def test_a_counter_never_falls(pushes: list[tuple[int, int]]) -> None:
    series, before = PushedSeries(), 0.0
    for start, value in pushes:
        _push(series, counter("airflow.a", value, start=start))
        after = _values(series)["airflow_a_total"]
        assert after >= before
        before = after


def test_levels_of_tasks_add_up_to_that_of_their_dag() -> None:
    series = PushedSeries()
    _push(series, gauge("airflow.ti.running", 1, dag_id="d", task_id="a"))
    _push(series, gauge("airflow.ti.running", 1, dag_id="d", task_id="b"))
    _push(series, gauge("airflow.ti.running", 0, dag_id="d", task_id="a"))
    assert _values(series) == {"airflow_ti_runningd": 1}


def test_a_level_that_nobody_pushes_any_more_ends_and_a_sum_stays() -> None:
    series = PushedSeries()
    _push(series, gauge("airflow.level", 4), counter("airflow.a", 2))
    assert set(_values(series, at=899)) == {"airflow_level", "airflow_a_total"}
    assert _values(series, at=901) == {"airflow_a_total": 2}
    _push(series, counter("airflow.a", 1, start=9), at=4_000)
    assert _values(series, at=4_000) == {"airflow_a_total": 3}
    assert _values(series, at=4_000 + 86_401) == {}


def test_a_clock_that_is_put_back_breaks_nothing() -> None:
    series = PushedSeries()
    _push(series, gauge("airflow.a", 1, task_id="x"), gauge("airflow.b", 1), at=1_000)
    _push(series, gauge("airflow.a", 2, task_id="y"), at=500)
    assert _values(series, at=1_450) == {"airflow_a": 1, "airflow_b": 1}
    assert _values(series, at=2_000) == {}


def test_series_beyond_the_largest_number_are_refused_and_known_ones_go_on() -> None:
    series = PushedSeries(series_max=2)
    metrics = [counter("airflow.a", 1, dag_id=f"d{number}") for number in range(10)]
    assert _push(series, *metrics) == 8
    assert _push(series, counter("airflow.a", 5, dag_id="d1")) == 0
    assert len(series) == 2
    assert _values(series) == {"airflow_a_totald0": 1, "airflow_a_totald1": 5}


def test_streams_beyond_the_largest_number_are_refused_too() -> None:
    series = PushedSeries(streams_max=3)
    metrics = [counter("airflow.a", 1, task_id=f"t{number}") for number in range(10)]
    assert _push(series, *metrics) == 7
    assert _values(series) == {"airflow_a_total": 3}


def test_a_name_has_one_kind() -> None:
    series = PushedSeries()
    assert _push(series, gauge("airflow.a_total", 1), counter("airflow.a", 1)) == 1
    assert [family.kind for family in series.families(0)] == ["gauge"]
