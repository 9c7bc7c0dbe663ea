"""
Decides who gets which action, sends the messages, and tells the ingest who was contacted.

**Reads** the day's published scores, contacts, orders and permissions, and the actions of `actions/`.
**Writes** `actions`, `privacy.contact_list` and files for the source `actions` in the inbox: contacts
and lots come back by `ingest_deliveries`. It starts with the day's scores. **Hands over** nothing.

Off by default: with `actions.enabled = false` what would be done is written down, and nothing leaves
the house. With `actions.approval` a day may wait for a person: *Required Actions* in Airflow's UI.
No answer sends nothing. `retention actions stop` stops everything before the next message.

**Again?** Always safe. A day that was released stays as it was decided; a message has one number and
is put into the outbox once. A day that is not today is decided and never sent.

**On failure** nothing of the day is kept by `assign`. `dispatch` failed: a channel takes no messages;
they wait, and `dispatch_messages` sends them. Assignments refused: the log names the audit.
"""

from airflow.sdk import PartitionedAssetTimetable, dag
from retention_airflow import action_approvals, approvals, defaults, doors
from retention_airflow.assets import SCORES
from retention_airflow.clock import as_of
from retention_airflow.defaults import DAY_PARAMS, WAREHOUSE_POOL, Tag, step

from retention_ml.errors import NotReady


@dag(
    dag_display_name="70 assign actions",
    schedule=PartitionedAssetTimetable(assets=SCORES),
    max_active_runs=3,  # a day may wait for an answer while the next ones go on
    params=DAY_PARAMS,
    **defaults.shared(__doc__, Tag.DAILY, Tag.ACTIONS, Tag.IMPACT_CUSTOMERS, Tag.TRIAGE_SAME_DAY),
)
def assign_actions() -> None:
    @step(pool=WAREHOUSE_POOL, max_active_tis_per_dag=1)
    def assign() -> dict:
        """Decides who gets which action within all limits, lists contacts for the CRM; sends nothing."""
        from retention_ml.actions.assignment.assign import assign as door
        from retention_ml.people.fill_contact_list import fill_contact_list

        assigned = doors.call(door, skip_on=(NotReady,), as_of=as_of())
        doors.call(fill_contact_list)
        left = action_approvals.left_out(assigned, doors.settings().actions.enabled)
        return doors.go_on_without(*left, result=assigned) if left else assigned

    @step()
    def question(assigned: dict) -> dict:
        """Puts into words what a person is asked; skipped where nobody needs to be."""
        return action_approvals.question(assigned)

    approve = approvals.ask("approve", of="question")
    approved = approvals.passage("approved")  # skipped by a no, so that release is not

    @step(pool=WAREHOUSE_POOL, trigger_rule="none_failed", max_active_tis_per_dag=1)
    def release(assigned: dict) -> dict:
        """Records the answer with its name, and puts what may leave the house into the outbox."""
        from retention_ml.actions.assignment.assign import assign as door
        from retention_ml.actions.release.approve import approve as record

        is_enabled = doors.settings().actions.enabled
        doors.skip_unless(is_enabled, "[actions] enabled is false: nothing leaves the house.")
        arguments = action_approvals.answer(approvals.response_to("approve", is_required=False))
        if arguments is None:
            return assigned
        standing = doors.call(door, as_of=as_of())  # an earlier try may have recorded the answer
        if not action_approvals.is_answered(standing, asked=assigned):
            return standing
        doors.call(record, as_of=as_of(), **arguments)
        return doors.call(door, as_of=as_of())

    @step(pool=WAREHOUSE_POOL)
    def dispatch() -> dict:
        """Sends what is due, each message at most once."""
        from retention_ml.actions.outbox.dispatch import dispatch as door

        return doors.call(door)

    @step(pool=WAREHOUSE_POOL, trigger_rule="none_skipped")
    def deliver() -> dict:
        """Writes who was contacted, and who was left alone by lot, into the inbox."""
        from retention_ml.actions.deliver import deliver as door

        return doors.call(door, as_of=as_of())

    assigned = assign()
    question(assigned) >> approve >> approved >> release(assigned) >> dispatch() >> deliver()


assign_actions()
