"""Answers questions about `reports`, whatever protocol they come by."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import uuid4

from retention_ml.assistant import questions
from retention_ml.assistant.answers import Answer
from retention_ml.assistant.audit import Transport
from retention_ml.assistant.questions import Evidence, ListName, Ranking, Rows, Tier
from retention_ml.assistant.reading import Limits, Reading, reading
from retention_ml.assistant.statements import check
from retention_ml.errors import UsageError
from retention_ml.people.lookup import customer_id_of
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse


@dataclass(frozen=True, kw_only=True)
class Assistant:
    """A connection as the role of the assistant, and what it may ask for.

    Parameters
    ----------
    warehouse : Warehouse
        Connected as `retention_assistant`.
    settings : Settings
    transport : str
        `stdio`, `http` or `memory`, for the ledger.
    process_id : str, optional
        Drawn by lot.
    """

    warehouse: Warehouse
    settings: Settings
    transport: Transport
    process_id: str = field(default_factory=lambda: uuid4().hex[:12])

    @property
    def limits(self) -> Limits:
        """Rows of an answer, seconds of a statement."""
        section = self.settings.assistant
        return Limits(rows=section.rows_max, seconds=section.statement_seconds_max)

    def list_tables(self, table: str | None = None) -> Answer:
        """The views that may be read, or the columns of one."""

        def ask(snapshot: Reading) -> Rows:
            if table is None:
                return snapshot.views_in_words()
            name = table.strip().lower().removeprefix("reports.")
            if name not in snapshot.readable:
                raise UsageError(
                    "There is no such view. Call list_tables without a name for all of them."
                )
            return snapshot.columns_in_words(name)

        return self._answer(ask)

    def customer(self, customer_id: str) -> Answer:
        """What the views have about one customer."""
        customer_id = self._customer(customer_id)
        return self._answer(lambda snapshot: questions.customer(snapshot, customer_id))

    def most_at_risk(
        self, limit: int = 20, tier: Tier | None = None, by: Ranking = "expected_value_at_risk"
    ) -> Answer:
        """The customers most at risk on the newest published day."""
        rows_max = min(limit, self.limits.rows)
        return self._answer(
            lambda snapshot: questions.most_at_risk(snapshot, limit=rows_max, tier=tier, by=by),
            rows_max=rows_max,
        )

    def why(self, customer_id: str) -> Answer:
        """Why a customer has their tier."""
        customer_id = self._customer(customer_id)
        with reading(self.warehouse, self.limits) as snapshot:
            rows, notes = questions.why(snapshot, customer_id)
            return snapshot.answer(rows, self.limits.rows, notes)

    def tier_history(self, customer_id: str, days: int = 365) -> Answer:
        """The tiers of a customer over the published days."""
        customer_id = self._customer(customer_id)
        return self._answer(lambda snapshot: questions.tier_history(snapshot, customer_id, days))

    def model_performance(
        self, evidence: Evidence = "outcomes", metric: str | None = None
    ) -> Answer:
        """What scores or candidates were worth."""
        return self._answer(
            lambda snapshot: questions.model_performance(snapshot, evidence=evidence, metric=metric)
        )

    def recommendations(self, customer_id: str, name: ListName | None = None) -> Answer:
        """The products on the lists of a customer."""
        customer_id = self._customer(customer_id)
        return self._answer(lambda snapshot: questions.recommendations(snapshot, customer_id, name))

    def cohort_retention(self, by_month: bool = False, first_month: date | None = None) -> Answer:
        """How many customers of a cohort order again, period by period."""
        return self._answer(
            lambda snapshot: questions.cohort_retention(
                snapshot, by_month=by_month, first_month=first_month
            )
        )

    def query(self, sql: str) -> Answer:
        """The rows of one SELECT of somebody else."""

        def ask(snapshot: Reading) -> Iterator[dict[str, Any]]:
            statement = check(sql, snapshot.readable)
            return snapshot.carry_out(statement, self.limits.rows, self.limits.seconds)

        return self._answer(ask)

    def _customer(self, number: str) -> str:
        """What the views know the customer by."""
        return customer_id_of(self.warehouse, self.settings, number)

    def _answer(
        self, ask: Callable[[Reading], Iterable[dict[str, Any]]], *, rows_max: int | None = None
    ) -> Answer:
        with reading(self.warehouse, self.limits) as snapshot:
            return snapshot.answer(ask(snapshot), rows_max or self.limits.rows)
