"""Rights of the role of the assistant: what is new, never what was revoked, never free text."""

import pytest

from retention_ml.schema import assistant_rights
from retention_ml.schema.assistant_rights import (
    ASSISTANT,
    HIDDEN_COLUMNS,
    let_assistant_read,
    view_columns,
)
from retention_ml.schema.migrate import migrate
from retention_ml.warehouse import Warehouse

# Where people or machines outside write, by the columns of views that show it.
_WRITTEN_BY_OTHERS = {
    "abnormal.decisions.decided_by": {("abnormal_customers", "decided_by")},
    "abnormal.decisions.reason": {("abnormal_customers", "reason")},
    "actions.attempts.text": {("contacts", "answer"), ("outbox_health", "trouble")},
    "actions.outbox.settled_by": {("contacts", "settled_by")},
    "actions.policies.decided_by": {("uplift", "decided_by")},
    "actions.switches.who": {("outbox_health", "stopped_by")},
    "actions.switches.why": {("outbox_health", "stopped_why")},
    "experiments.experiments.question": {("experiments", "question")},
    "experiments.states.reason": {("experiments", "state_reason")},
    "ops.alerts.sentence": {("alerts", "sentence")},  # quotes why a channel was stopped
    "outcomes.trials.reason": {("trials", "status_reason")},  # names who turned it down
    "profiles.persona_fits.decided_by": {("personas", "decided_by")},
    "profiles.persona_fits.reason": {("personas", "decided_because")},
}
# Sentences of the platform itself, or closed lists.
_WRITTEN_BY_THE_PLATFORM = {
    "actions.exclusions.reason": "a closed list",
    "actions.policies.reason": "of the step that trains",
    "actions.policy_values.reason": "of the replay",
    "experiments.looks.reason": "of the look",
    "live.warnings.reason": "of the reasons of scores",
    "models.trainings.reason": "of the gate",
    "outcomes.trial_looks.reason": "of the look",
    "quality.results.reason": "of the suites of expectations",
    "raw.deliveries.reason": "of the ingest; it names columns of the shop's files",
    "raw.unusable_files.reason": "the same",
    "recommendations.customer_daily.reason": "of the reasons of lists",
    "recommendations.exclusions.reason": "a closed list",
    "recommendations.filtered.reason": "a closed list",
    "recommendations.product_daily.not_sellable_because": "a closed list",
    "scores.snapshots.tiers_by": "a closed list",
}
_FED = """
SELECT DISTINCT view.relname AS view,
    format('%s.%s.%s', base.relnamespace::regnamespace, base.relname, a.attname) AS source
FROM pg_class AS view
JOIN pg_rewrite AS rule ON rule.ev_class = view.oid
JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = rule.oid
    AND d.refclassid = 'pg_class'::regclass
JOIN pg_class AS base ON base.oid = d.refobjid
JOIN pg_attribute AS a ON a.attrelid = base.oid AND a.attnum = d.refobjsubid AND a.attnum > 0
WHERE view.relnamespace = 'reports'::regnamespace AND base.oid <> view.oid
    AND a.atttypid = 'text'::regtype
"""


@pytest.fixture
def role(warehouse: Warehouse) -> Warehouse:
    """A warehouse whose role of the assistant has its rights."""
    with warehouse.transaction() as transaction:
        transaction.execute(
            f"DO $$ BEGIN CREATE ROLE {ASSISTANT}; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
        )
    migrate(warehouse)
    return warehouse


def test_every_free_text_that_a_view_shows_is_hidden_or_of_the_platform(
    warehouse: Warehouse,
) -> None:
    with warehouse.transaction() as transaction:
        fed = [(row.view, row.source) for row in transaction.execute(_FED)]
        columns = view_columns(transaction)
    words = ("reason", "question", "note", "comment", "text", "who", "why", "because", "sentence")
    free = {
        (view, source)
        for view, source in fed
        if not source.startswith("reports.")
        and (source.endswith("_by") or any(_is(source, word) for word in words))
    }
    assert {source for _, source in free} == _WRITTEN_BY_OTHERS.keys() | _WRITTEN_BY_THE_PLATFORM
    for source, shown in _WRITTEN_BY_OTHERS.items():
        assert {view for view, s in free if s == source} == {view for view, _ in shown}, source
        assert shown <= HIDDEN_COLUMNS
    assert columns >= HIDDEN_COLUMNS
    assert HIDDEN_COLUMNS - set().union(*_WRITTEN_BY_OTHERS.values()) == {
        ("contacts", "provider_ref")
    }
    # No other view passes on what is hidden.
    hidden = {f"reports.{view}.{column}" for view, column in HIDDEN_COLUMNS}
    assert not {(view, source) for view, source in fed if source in hidden}


def _is(source: str, word: str) -> bool:
    name = source.rsplit(".", 1)[1]
    return name == word or name.endswith(f"_{word}")


def test_what_was_revoked_is_not_granted_again(role: Warehouse) -> None:
    _execute(role, f"REVOKE SELECT ON reports.customer_value FROM {ASSISTANT}")
    _execute(role, f"REVOKE SELECT (channel) ON reports.contacts FROM {ASSISTANT}")
    migrate(role)
    assert not _may_read(role, "customer_value", "customer_id")
    assert not _may_read(role, "contacts", "channel")
    assert _may_read(role, "contacts", "state")


def test_what_is_new_is_granted_where_anything_may_be_read(role: Warehouse) -> None:
    with role.transaction() as transaction:
        columns = view_columns(transaction)
    _execute(role, f"REVOKE SELECT ON reports.customer_value FROM {ASSISTANT}")
    _execute(role, f"REVOKE SELECT ON reports.drift FROM {ASSISTANT}")
    _execute(role, f"REVOKE SELECT (state) ON reports.contacts FROM {ASSISTANT}")
    before = columns - {("customer_value", "value_tier"), ("contacts", "state")}
    before = {(view, name) for view, name in before if view != "drift"}
    with role.transaction() as transaction:
        let_assistant_read(transaction, before)
    assert _may_read(role, "drift", "name"), "a view that is new"
    assert _may_read(role, "contacts", "state"), "a column that is new"
    assert not _may_read(role, "customer_value", "value_tier"), "a view that was closed"


def test_what_is_hidden_is_taken_away_where_it_was_shown(role: Warehouse) -> None:
    _execute(role, f"GRANT SELECT ON reports.experiments TO {ASSISTANT}")
    assert _may_read(role, "experiments", "question")
    migrate(role)
    assert not _may_read(role, "experiments", "question")
    assert _may_read(role, "experiments", "verdict")


def test_a_role_that_was_made_since_gets_all_but_what_is_hidden(role: Warehouse) -> None:
    with role.transaction() as transaction:
        columns = view_columns(transaction)
    readable = {column for column in columns if _may_read(role, *column)}
    assert len(readable) > 300
    assert columns - readable == assistant_rights.HIDDEN_COLUMNS


def _execute(warehouse: Warehouse, statement: str) -> None:
    with warehouse.transaction() as transaction:
        transaction.execute(statement)


def _may_read(warehouse: Warehouse, view: str, column: str) -> bool:
    with warehouse.transaction() as transaction:
        [[may_read]] = transaction.execute(
            "SELECT has_column_privilege(:role, :view, :column, 'SELECT')",
            role=ASSISTANT,
            view=f"reports.{view}",
            column=column,
        )
    return bool(may_read)


def test_an_older_warehouse_beside_one_that_has_the_role_is_left_alone(role: Warehouse) -> None:
    with role.transaction() as transaction:
        transaction.execute(f"REVOKE ALL ON SCHEMA reports, ops FROM {ASSISTANT}")
        transaction.execute("DROP FUNCTION ops.record_assistant_call")
        let_assistant_read(transaction, view_columns(transaction))
        [[may_use]] = transaction.execute(
            "SELECT has_schema_privilege(:role, 'reports', 'USAGE')", role=ASSISTANT
        )
    assert not may_use
