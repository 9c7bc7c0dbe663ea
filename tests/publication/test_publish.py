"""Snapshots and their pointer, on the schema of profiles with rows of no meaning."""

from collections.abc import Callable
from datetime import date
from functools import partial

import pyarrow as pa
import pytest

from retention_ml.errors import PublicationRefused, QualityError, UsageError
from retention_ml.profiles.snapshots.snapshot import SNAPSHOTS as PROFILES
from retention_ml.publication.audit import Audit, critical, none_of, refusal
from retention_ml.publication.publish import Manifest, Steps, Words, publish, read_manifest
from retention_ml.publication.snapshots import Snapshots
from retention_ml.warehouse import Transaction, Warehouse

DAY = date(2026, 3, 1)
WORDS = Words(content="profiles", command="retention profile")
SNAPSHOTS = Snapshots(
    schema="profiles", tables={"stages": "profiles.stage_daily"}, of_day=("stages",)
)
HOLDS = critical("holds", True, "all well")
FAILS = critical("fails", False, "3 rows too many")
REMARK = Audit(name="remark", severity="warning", is_success=False, observed="odd")


def nothing() -> None:
    """Before the commit."""


def rows(count: int = 1) -> dict[str, pa.Table]:
    stages = ["new", "loyal"][:count]
    return {
        "stages": pa.table(
            {
                "lifecycle_stage": stages,
                "customers_count": pa.array([1] * count, pa.int64()),
                "revenue_28d_cents": pa.array([0] * count, pa.int64()),
            }
        )
    }


def manifest_of(digest: str) -> dict[str, object]:
    return {
        "as_of": DAY, "new_days": 30, "loyal_purchase_days": 4, "lapsed_days": 90,
        "slipping_intervals": 2.0, "cohort_period_days": 30, "minor_units": 100,
        "customers_count": 1, "buyers_count": 1, "caveat": None, "profiles_digest": digest,
        "library_version": "1",
    }  # fmt: skip


def write(warehouse: Warehouse, count: int = 1, *, epoch: int | None = None) -> int:
    content = rows(count)
    return SNAPSHOTS.write(
        warehouse,
        content,
        manifest_of(SNAPSHOTS.digest(content)),
        epoch=epoch or SNAPSHOTS.acquire_epoch(warehouse, DAY),
        run_id="test",
        before_commit=nothing,
    )


def publish_it(
    warehouse: Warehouse,
    snapshot_id: int,
    results: list[Audit],
    check: Callable[[Manifest], object] = lambda _: None,
    before_commit: Callable[[], None] = nothing,
) -> list[Audit] | None:
    def audit(transaction: Transaction, manifest: Manifest) -> list[Audit]:
        return results

    manifest = read_manifest(warehouse, SNAPSHOTS, WORDS, snapshot_id)
    steps = Steps(check=check, audit=audit, before_commit=before_commit)
    return publish(warehouse, SNAPSHOTS, WORDS, manifest, steps)


def pointer(warehouse: Warehouse) -> list[int]:
    return warehouse.read("SELECT snapshot_id FROM profiles.published")["snapshot_id"].to_pylist()


def status(warehouse: Warehouse, snapshot_id: int) -> tuple[str, str | None]:
    row = read_manifest(warehouse, SNAPSHOTS, WORDS, snapshot_id)
    return row.status, row.reason


def test_no_audit_and_a_critical_failure_refuse_and_a_warning_does_not() -> None:
    assert refusal([]) == "no audit ran"
    assert refusal([HOLDS, REMARK]) is None
    assert refusal([HOLDS, FAILS, none_of("holes", 2, "holes")]) == (
        "fails: 3 rows too many; holes: 2 holes"
    )


def test_the_pointer_flips_once_and_stays_where_it_is(warehouse: Warehouse) -> None:
    one = write(warehouse)
    assert publish_it(warehouse, one, [HOLDS, REMARK]) == [HOLDS, REMARK]
    assert (pointer(warehouse), status(warehouse, one)) == ([one], ("published", None))
    assert publish_it(warehouse, one, [FAILS]) is None
    stored = warehouse.read("SELECT audit FROM profiles.audits ORDER BY audit")["audit"]
    assert stored.to_pylist() == ["holds", "remark"]


@pytest.mark.parametrize("results", [[FAILS], []])
def test_a_refused_snapshot_leaves_the_old_one_and_says_why(
    warehouse: Warehouse, results: list[Audit]
) -> None:
    one = write(warehouse)
    publish_it(warehouse, one, [HOLDS])
    two = write(warehouse, 2)
    with pytest.raises(PublicationRefused, match="Readers still see what they saw before"):
        publish_it(warehouse, two, results)
    assert pointer(warehouse) == [one]
    assert status(warehouse, two)[0] == "refused"
    with pytest.raises(PublicationRefused, match="refused before"):
        publish_it(warehouse, two, [HOLDS])


def test_a_suite_that_fails_refuses(warehouse: Warehouse) -> None:
    def check(manifest: Manifest) -> None:
        raise QualityError(f"The suite of {manifest.as_of} failed.")

    with pytest.raises(PublicationRefused, match=r"The suite of 2026-03-01 failed\. Readers"):
        publish_it(warehouse, write(warehouse), [HOLDS], check)


def test_who_was_overtaken_does_not_publish(warehouse: Warehouse) -> None:
    epoch = SNAPSHOTS.acquire_epoch(warehouse, DAY)
    one = write(warehouse, epoch=epoch)
    SNAPSHOTS.acquire_epoch(warehouse, DAY)
    with pytest.raises(PublicationRefused, match="this is run 1, the newest is run 2"):
        publish_it(warehouse, one, [HOLDS])
    assert pointer(warehouse) == []


def test_what_fails_before_the_commit_flips_nothing(warehouse: Warehouse) -> None:
    def fails() -> None:
        raise RuntimeError("power")

    one = write(warehouse)
    with pytest.raises(RuntimeError, match="power"):
        publish_it(warehouse, one, [HOLDS], before_commit=fails)
    assert (pointer(warehouse), status(warehouse, one)) == ([], ("built", None))
    fails_in_write = partial(
        SNAPSHOTS.write, warehouse, rows(), manifest_of("x"), epoch=1, run_id="test"
    )
    with pytest.raises(RuntimeError, match="power"):
        fails_in_write(before_commit=fails)
    assert warehouse.read("SELECT 1 FROM profiles.snapshots").num_rows == 1


def test_an_equal_snapshot_is_recognised_by_what_readers_see(warehouse: Warehouse) -> None:
    content = manifest_of(SNAPSHOTS.digest(rows()))
    one = write(warehouse)
    assert SNAPSHOTS.published_alike(warehouse, content) is None  # nobody sees it
    publish_it(warehouse, one, [HOLDS])
    assert SNAPSHOTS.published_alike(warehouse, content) == one
    assert SNAPSHOTS.published_alike(warehouse, {**content, "lapsed_days": 60}) is None


def test_a_digest_names_every_value(warehouse: Warehouse) -> None:
    table = rows(2)["stages"]
    digest = SNAPSHOTS.digest({"stages": table})
    assert (
        SNAPSHOTS.digest({"stages": pa.concat_tables([table.slice(0, 1), table.slice(1)])})
        == digest
    )
    for column in table.column_names:
        place = table.column_names.index(column)
        other = pa.array(["new", "new"] if column == "lifecycle_stage" else [1, 2])
        assert SNAPSHOTS.digest({"stages": table.set_column(place, column, other)}) != digest


def test_an_unknown_snapshot_is_a_sentence(warehouse: Warehouse) -> None:
    with pytest.raises(UsageError, match=r"There are no profiles 7\. Make those of the day first"):
        read_manifest(warehouse, SNAPSHOTS, WORDS, 7)


def test_the_fence_is_named_after_schema_and_day() -> None:
    assert PROFILES.fence(DAY) == "profiles:2026-03-01"
