"""
Decides who gets which action, sends the messages, and tells the ingest who was contacted.

**Reads** the day's published scores, contacts, orders and permissions, and the actions of `actions/`.
**Writes** `actions` (days, assignments, exclusions, approvals, outbox, attempts) and files for the
source `actions` in the inbox. It starts when the day's scores are published. **Hands over** nothing:
who was contacted, and who was left alone by lot, comes back through `ingest_deliveries`.

Off by default: with `actions.enabled = false` what would be done is written down, and nothing leaves
the house. With `actions.approval` a day may wait for a person: *Required Actions* in Airflow's UI.
No answer sends nothing. `retention actions stop` stops everything before the next message.

**Again?** Always safe. A day that was released stays as it was decided; a message has one number and
is put into the outbox once. A day that is not today is decided and never sent.

**On failure** nothing of the day is kept by `assign`. `dispatch` failed: a channel takes no messages;
they wait, and `dispatch_messages` sends them. Assignments refused: the log names the audit.
"""

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import PartitionedAssetTimetable, dag, task
from airflow.sdk.exceptions import AirflowSkipException
from retention_airflow import action_approvals, approvals, doors
from retention_airflow.assets import SCORES
from retention_airflow.clock import as_of
from retention_airflow.defaults import DAY_PARAMS, DEFAULT_ARGS, WAREHOUSE_POOL, Tag

from retention_ml.errors import NotReady


@dag(
    dag_display_name="70 assign actions",
    schedule=PartitionedAssetTimetable(assets=SCORES),
    catchup=False,
    max_active_runs=3,  # a day may wait for an answer while the next ones go on
    default_args=DEFAULT_ARGS,
    tags=[Tag.DAILY, Tag.ACTIONS],
    params=DAY_PARAMS,
    doc_md=__doc__,
)
def assign_actions() -> None:
    @task(pool=WAREHOUSE_POOL, max_active_tis_per_dag=1)
    def assign() -> dict:
        from retention_ml.actions.assignment.assign import assign as door

        return doors.call(door, skip_on=(NotReady,), as_of=as_of())

    @task
    def question(assigned: dict) -> dict:
        if not action_approvals.is_needed(assigned):
            raise AirflowSkipException("Nobody needs to be asked.")
        return action_approvals.question(assigned)

    approve = approvals.ask("approve", of="question")
    approved = EmptyOperator(task_id="approved")  # skipped by a no, so that release is not

    @task(pool=WAREHOUSE_POOL, trigger_rule="none_failed", max_active_tis_per_dag=1)
    def release(assigned: dict) -> dict:
        from retention_ml.actions.assignment.assign import assign as door
        from retention_ml.actions.release.approve import approve as record

        if not doors.settings().actions.enabled:
            raise AirflowSkipException("[actions] enabled is false: nothing leaves the house.")
        arguments = action_approvals.answer(approvals.response_to("approve"))
        if arguments is None:
            return assigned
        standing = doors.call(door, as_of=as_of())  # an earlier try may have recorded the answer
        if not action_approvals.is_answered(standing, asked=assigned):
            return standing
        doors.call(record, as_of=as_of(), **arguments)
        return doors.call(door, as_of=as_of())

    @task(pool=WAREHOUSE_POOL)
    def dispatch() -> dict:
        from retention_ml.actions.outbox.dispatch import dispatch as door

        return doors.call(door)

    @task(pool=WAREHOUSE_POOL, trigger_rule="none_skipped")
    def deliver() -> dict:
        from retention_ml.actions.deliver import deliver as door

        return doors.call(door, as_of=as_of())

    assigned = assign()
    question(assigned) >> approve >> approved >> release(assigned) >> dispatch() >> deliver()


assign_actions()
