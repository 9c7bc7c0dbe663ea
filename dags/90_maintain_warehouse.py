"""
Takes a backup every night, proves that it can be read, and removes those that need not stay.

**Reads** all databases and the files of the home. **Writes** a folder of its own below
`backups.folder`, which appears complete or not at all, and `ops.backups`. Once a week
(`backups.drill_every_days`) the backup is restored beside, every table compared, and removed again.
Without a folder in `[backups]` it has no schedule.

**Again?** Always safe: each run takes a further backup; what an interrupted one left is removed.

**On failure** `back_up` failed: no room, or Postgres did not answer; earlier backups are untouched.
`verify` failed: the backup is not what was written; take a new one and look after the disk, see
the runbook, *The disk is gone*. `prune` failed: too many backups stay, nothing is lost.
"""

from airflow.sdk import dag
from retention_airflow import defaults, doors
from retention_airflow.defaults import Tag, step


@dag(
    dag_display_name="90 maintain warehouse",
    schedule=defaults.at_night_if_backed_up(),
    max_active_runs=1,
    **defaults.shared(__doc__, Tag.DAILY, Tag.BACKUPS, Tag.IMPACT_INSIGHT, Tag.TRIAGE_SAME_DAY),
)
def maintain_warehouse() -> None:
    @step
    def back_up() -> dict:
        """Copies databases, archive, models and secrets to the folder of backups."""
        from retention_ml.stack.backups.back_up import back_up as door

        return doors.call(door)

    @step
    def back_up_cluster() -> dict:
        """Copies the server's data once a week, from where archived WAL reaches any moment."""
        from retention_ml.errors import NotReady
        from retention_ml.stack.backups.back_up import back_up_cluster_if_due as door

        return doors.call(door, skip_on=(NotReady,))

    @step(trigger_rule="none_failed")
    def verify() -> dict:
        """Reads the backup whole, and restores it for a trial once a week."""
        from retention_ml.stack.backups.verify import verify as door

        return doors.call(door)

    @step
    def prune() -> dict:
        """Removes backups, and archived WAL, that need not stay."""
        from retention_ml.stack.backups.prune import prune as door

        return doors.call(door)

    back_up() >> back_up_cluster() >> verify() >> prune()


maintain_warehouse()
