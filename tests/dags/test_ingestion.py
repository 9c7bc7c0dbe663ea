"""A parcel of files goes through the doors of the ingest as far as there is something to do."""

from typing import Any

import pytest
from retention_airflow import doors, ingestion

from retention_ml.curated.curate import curate
from retention_ml.deliveries.land import land
from retention_ml.deliveries.stage import stage
from retention_ml.errors import QualityError
from retention_ml.quality.check import check

PARCEL = {"source": "shop", "files": ["a.csv"], "history": False, "stamps": {"a.csv": [1, 2]}}
LANDED = {"door": "land", "batch_id": 7, "delivery_ids": [1], "entries": [[1]]}
STAGED = {"door": "stage", "batch_id": 7, "status": "staged"}
CHECKED = {"door": "check", "batch_id": 7, "status": "checked"}
CURATED = {"door": "curate", "batch_id": 7}
ALL = {"land": LANDED, "stage": STAGED, "check": CHECKED, "curate": CURATED}


class Task:
    """A task instance that keeps what is pushed."""

    map_index = 3

    def __init__(self) -> None:
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value

    def xcom_pull(self, task_ids: str, key: str, map_indexes: int) -> Any:
        assert (task_ids, map_indexes) == ("per_source.ingest", self.map_index)
        return self.pushed.get(key)


@pytest.fixture
def task(monkeypatch: pytest.MonkeyPatch) -> Task:
    running = Task()
    monkeypatch.setattr("airflow.sdk.get_current_context", lambda: {"ti": running})
    return running


def _doors(monkeypatch: pytest.MonkeyPatch, receipts: dict[str, Any]) -> list[tuple[str, Any]]:
    called = []

    def call(door: Any, **arguments: Any) -> dict[str, Any]:
        called.append((door.__name__, arguments.get("batch_id")))
        receipt = receipts[door.__name__]
        if isinstance(receipt, Exception):
            raise receipt
        return dict(receipt)

    monkeypatch.setattr(doors, "call", call)
    return called


def test_a_parcel_goes_through_all_doors_of_one_batch(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = _doors(monkeypatch, ALL)
    assert ingestion.ingest(PARCEL, land, stage, check, curate) == [
        LANDED,
        STAGED,
        CHECKED,
        CURATED,
    ]
    assert called == [("land", None), ("stage", 7), ("check", 7), ("curate", 7)]


@pytest.mark.parametrize(
    ("door", "receipt"),
    [
        ("land", LANDED | {"batch_id": None}),
        ("stage", STAGED | {"status": "held"}),
        ("check", CHECKED | {"status": "held"}),
    ],
)
def test_the_way_ends_where_a_door_left_nothing_to_do(
    task: Task, monkeypatch: pytest.MonkeyPatch, door: str, receipt: dict[str, Any]
) -> None:
    called = _doors(monkeypatch, ALL | {door: receipt})
    assert ingestion.ingest(PARCEL, land, stage, check, curate)[-1] == receipt
    assert called[-1][0] == door


@pytest.mark.parametrize("keep_done", ["true", "false"])
def test_ingested_files_are_deleted_unless_they_are_to_be_kept(
    task: Task, monkeypatch: pytest.MonkeyPatch, keep_done: str
) -> None:
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(doors, "file_states", lambda files, landed: {})
    monkeypatch.setattr(
        "retention_airflow.put_away.put_away", lambda *arguments: calls.append(arguments) or {}
    )
    monkeypatch.setenv("RETENTION_ARCHIVE__KEEP_DONE", keep_done)
    ingestion.move(PARCEL, "per_source.ingest")
    [(_, _, _, *discard)] = calls
    assert len(discard) == (keep_done == "false")


def test_files_are_put_away_by_what_was_landed_also_where_a_later_door_failed(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    _doors(monkeypatch, ALL | {"check": QualityError("The batch is held.")})
    with pytest.raises(QualityError):
        ingestion.ingest(PARCEL, land, stage, check, curate)
    asked = []
    monkeypatch.setattr(doors, "file_states", lambda files, landed: asked.append(landed) or {})
    assert ingestion.move(PARCEL, "per_source.ingest") == {}
    assert asked == [LANDED]
