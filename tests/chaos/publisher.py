"""Scores and publishes one day in a process of its own, to be killed at a failpoint."""

import os
from datetime import date
from pathlib import Path

from retention_ml import failpoints
from retention_ml.settings import load
from retention_ml.warehouse import Warehouse
from tests.worlds.scores import PlainBundle, World, served_model


def main(url: str, home: str, day: str, place: str, is_naive: bool) -> None:
    """Score and publish, or publish as somebody would who has not thought of readers."""
    os.environ["RETENTION_FAILPOINT"] = place
    warehouse = Warehouse(url)
    world = World(warehouse, load({"RETENTION_HOME": str(Path(home))})).install()
    world.models["champion"] = served_model(PlainBundle())
    as_of = date.fromisoformat(day)
    if is_naive:
        _publish_naively(world, as_of)
    else:
        world.score_and_publish(as_of)
    warehouse.close()


def _publish_naively(world: World, as_of: date) -> None:
    """Point first, write second, in steps of their own: what the real doors must not do."""
    snapshot_id = int(world.score(as_of).details["snapshot_id"])
    with world.warehouse.transaction() as transaction:
        transaction.execute(
            "CREATE TABLE IF NOT EXISTS aside AS SELECT * FROM scores.customer_daily WHERE false"
        )
        transaction.execute(
            "WITH moved AS (DELETE FROM scores.customer_daily WHERE snapshot_id = :id RETURNING *) "
            "INSERT INTO aside SELECT * FROM moved",
            id=snapshot_id,
        )
        transaction.execute(
            "INSERT INTO scores.published VALUES (:day, :id, 1, now()) ON CONFLICT (as_of) "
            "DO UPDATE SET snapshot_id = excluded.snapshot_id",
            day=as_of,
            id=snapshot_id,
        )
    failpoints.failpoint("publish.before_commit")
    with world.warehouse.transaction() as transaction:
        transaction.execute("INSERT INTO scores.customer_daily SELECT * FROM aside")
