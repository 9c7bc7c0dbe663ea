"""Decision days and their messages, written to the tables directly."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from retention_ml.actions.outbox.message import message_id
from retention_ml.maintenance.invariants import violations
from retention_ml.warehouse import Transaction, Warehouse

DAY = date(2026, 3, 1)
STAMP = datetime(2026, 3, 1, 1, tzinfo=UTC)


def violated(warehouse: Warehouse) -> list[str]:
    """The invariants that do not hold, but for those of decision days: these are not whole."""
    return [
        violation.sentence
        for violation in violations(warehouse)
        if violation.invariant.promise != "P8"
    ]


@dataclass
class Decisions:
    """What was decided on days, and what became of the messages."""

    warehouse: Warehouse
    policy_id: str = "experiment-1"
    days: set[date] = field(default_factory=set)

    def day(self, day: date = DAY, status: str = "released") -> None:
        """Open a day, or change its status."""
        with self.warehouse.transaction() as transaction:
            self._policy(transaction)
            released_at = STAMP if status == "released" else None
            if day in self.days:
                transaction.execute(
                    "UPDATE actions.days SET status = :status, released_at = :at "
                    "WHERE as_of = :day",
                    status=status,
                    at=released_at,
                    day=day,
                )
                return
            self.days.add(day)
            counts = dict.fromkeys(
                ("population_count", "assigned_count", "excluded_count", "holdout_count",
                 "contacts_count", "explored_count", "capped_count"), 0
            )  # fmt: skip
            transaction.insert_row(
                "actions.days",
                {
                    "as_of": day,
                    "policy_id": self.policy_id,
                    "catalogue_sha256": "c",
                    "status": status,
                    "reason": "test",
                    **counts,
                    "budget_cents": 1.0,
                    "cost_cents": 0.0,
                    "money_price": 0.0,
                    "explore_share": 0.5,
                    "inputs_digest": "i",
                    "assignments_digest": "a",
                    "run_id": "test",
                    "assigned_at": STAMP,
                    "released_at": released_at,
                },
            )

    def assign(
        self,
        customer_id: str,
        action_id: str = "none",
        *,
        none_propensity: float = 0.5,
        day: date = DAY,
        is_holdout: bool = False,
        is_capped: bool = False,
        is_explored: bool = False,
        experiment_id: str | None = None,
    ) -> None:
        """What one customer got; of two actions, `none` and `mail`."""
        if day not in self.days:
            self.day(day)
        propensity = none_propensity if action_id == "none" else 1 - none_propensity
        with self.warehouse.transaction() as transaction:
            transaction.execute(
                "INSERT INTO actions.assignments (as_of, customer_id, snapshot_id, policy_id, "
                "experiment_id, action_id, propensity, propensities, lot, is_holdout, "
                "is_explored, is_capped, tier, expected_margin_cents, cost_cents, money_price, "
                "run_id) VALUES (:day, :customer_id, 1, :policy_id, :experiment_id, :action_id, "
                ":propensity, jsonb_build_object('none', CAST(:none AS double precision), 'mail', "
                "1 - CAST(:none AS double precision)), 0.3, :is_holdout, :is_explored, :is_capped, "
                "'high', 0, 0, 0, 'test')",
                day=day,
                customer_id=customer_id,
                policy_id=self.policy_id,
                experiment_id=experiment_id,
                action_id=action_id,
                propensity=max(propensity, 1e-9),
                none=none_propensity,
                is_holdout=is_holdout,
                is_capped=is_capped,
                is_explored=is_explored,
            )

    def send(
        self,
        customer_id: str,
        state: str = "sent",
        *,
        day: date = DAY,
        at: datetime = STAMP,
        code: str = "250",
        text: str = "",
        address: str | None = None,
        none_propensity: float = 0.5,
        **assignment: Any,
    ) -> None:
        """A customer who was to get `mail`, and what became of the message."""
        self.assign(customer_id, "mail", day=day, none_propensity=none_propensity, **assignment)
        number = message_id(day, customer_id, "mail")
        tried = state in ("sent", "unknown", "failed", "sending")
        result = {"sent": "sent", "unknown": "unknown", "failed": "refused"}.get(state)
        with self.warehouse.transaction() as transaction:
            transaction.execute(
                "INSERT INTO actions.outbox (message_id, as_of, customer_id, action_id, channel, "
                "permission_channel, purpose, address, payload, payload_sha256, state, attempts, lease_until, "
                "not_before, expires_at, changed_at, run_id) VALUES (:id, :day, :customer_id, "
                "'mail', 'email', 'email', 'marketing', :address, '{}', 'p', :state, :attempts, :at, :at, "
                ":expires_at, :at, 'test')",
                id=number,
                day=day,
                customer_id=customer_id,
                address=address,
                state=state,
                attempts=int(tried),
                at=at,
                expires_at=at + timedelta(days=1),
            )
            if tried:
                transaction.execute(
                    "INSERT INTO actions.attempts (message_id, attempt, epoch, channel, started_at, "
                    "ended_at, result, code, text, run_id) VALUES (:id, 1, 1, 'email', :at, "
                    ":ended_at, :result, :code, :text, 'test')",
                    id=number,
                    at=at,
                    ended_at=None if result is None else at + timedelta(seconds=1),
                    result=result,
                    code=code,
                    text=text,
                )

    def move_to(self, customer_id: str, state: str, day: date = DAY) -> None:
        """Move the state of a message."""
        with self.warehouse.transaction() as transaction:
            transaction.execute(
                "UPDATE actions.outbox SET state = :state, changed_at = :at WHERE message_id = :id",
                state=state,
                at=STAMP + timedelta(days=1),
                id=message_id(day, customer_id, "mail"),
            )

    def _policy(self, transaction: Transaction) -> None:
        kind, _, version = self.policy_id.rpartition("-")
        transaction.execute(
            "INSERT INTO actions.policies (policy_id, kind, version, in_force_from, parameters, "
            "evidence, reason, decided_by, decided_at, run_id) VALUES (:id, :kind, "
            "CAST(:version AS integer), '2026-01-01', '{}', '{}', 'test', 'test', :at, 'test') "
            "ON CONFLICT DO NOTHING",
            id=self.policy_id,
            kind=kind,
            version=version,
            at=STAMP,
        )
