"""All that a day is decided with, and the decision: read first, so that no transaction waits for it."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date

import numpy as np

from retention_ml import clock
from retention_ml.actions.assignment import records
from retention_ml.actions.assignment.audits import AuditInputs
from retention_ml.actions.assignment.decision import decide
from retention_ml.actions.assignment.eligibility import eligible, limits_of
from retention_ml.actions.assignment.expectation import (
    DayBandit,
    by_bandit,
    expected_by,
    load_day_bandit,
    load_effects,
)
from retention_ml.actions.assignment.experiment_lots import draw
from retention_ml.actions.assignment.lots import lot_salt, order_salt
from retention_ml.actions.assignment.policies import Policy, policy_on
from retention_ml.actions.assignment.population import Population, load_population
from retention_ml.actions.catalogue.catalogue import Catalogue
from retention_ml.actions.catalogue.coupons import add_codes, codes_left, read_codes
from retention_ml.actions.catalogue.last_good import catalogue_in_force
from retention_ml.actions.holdout.membership import dependence_p_value, in_holdout
from retention_ml.actions.holdout.periods import Period, period_on, require_unchanged
from retention_ml.experiments.design import Design
from retention_ml.experiments.ledger import open_on
from retention_ml.settings import Settings
from retention_ml.statistics.arrays import Bools, Floats
from retention_ml.statistics.lots import places
from retention_ml.warehouse import Transaction, Warehouse


@dataclass(frozen=True, slots=True, kw_only=True)
class DayInputs:
    """What a day is decided with, as it stood before anything of it was written.

    Parameters
    ----------
    catalogue : Catalogue
    alert : str or None
        The mistake in the action files, where an earlier catalogue is used instead.
    quotas : array of float64, shape (k,)
        Contacts of the day by action; infinite without a limit.
    policy : Policy
    period : Period or None
        Of the holdout.
    designs : sequence of Design
        Of the experiments that are open.
    population : Population
    promised : tuple of arrays or None
        Effects on each customer by the policy's models, and how much of them is believed.
    bandit : DayBandit or None
        What draws the actions, where the policy is a bandit.
    """

    catalogue: Catalogue
    alert: str | None
    quotas: Floats
    policy: Policy
    period: Period | None
    designs: Sequence[Design]
    population: Population
    promised: tuple[Floats, Floats] | None
    bandit: DayBandit | None = None

    def digest(self, settings: Settings) -> str:
        """SHA-256 of all that a decision depends on."""
        customers = self.population.customers
        total = hashlib.sha256(
            repr(
                (
                    self.population.scores_digest,
                    self.population.abnormal_count,
                    customers.customer_ids,  # fewer than were scored: some are excluded since
                    self.catalogue.sha256,
                    self.policy.policy_id,
                    self.policy.bundle_sha256,
                    self.quotas.tolist(),
                    self.period and (self.period.salt, self.period.share),
                    self.designs,
                    settings.actions.model_dump(exclude={"enabled", "approval"}),
                )
            ).encode()
        )
        for values in (
            customers.since_order_days, customers.basket_cents, customers.recent_contacts,
            customers.year_contacts, customers.is_permitted, customers.is_suppressed,
            customers.has_address, *(self.promised or ()),
            *([customers.stage.astype(np.str_)] if customers.stage is not None else []),
            *([self.bandit.values] if self.bandit else []),
        ):  # fmt: skip
            total.update(np.ascontiguousarray(values).tobytes())
        return total.hexdigest()


class _Undo(Exception):
    """Leaves the transaction, so that nothing of it is kept."""


@contextmanager
def transaction_of(warehouse: Warehouse, *, is_kept: bool) -> Iterator[Transaction]:
    """A transaction of which nothing is kept if it is only tried."""
    with suppress(_Undo), warehouse.transaction() as transaction:
        yield transaction
        if not is_kept:
            raise _Undo


def load_inputs(
    warehouse: Warehouse, settings: Settings, as_of: date, *, is_kept: bool
) -> DayInputs:
    """Everything that the day is decided with; new coupon codes are taken in."""
    with transaction_of(warehouse, is_kept=is_kept) as transaction:
        in_force = catalogue_in_force(transaction, settings.actions_folder)
        load_codes(transaction, settings, in_force.catalogue)
        quotas = _quotas(transaction, in_force.catalogue)
        period = period_on(transaction, as_of)
        require_unchanged(transaction, settings, as_of=as_of)
        designs = [one.design for one in open_on(transaction, as_of)]
    population = load_population(
        warehouse,
        settings=settings,
        as_of=as_of,
        actions=list(in_force.catalogue.actions.values()),
    )
    with warehouse.transaction() as transaction:
        policy = policy_on(
            transaction, settings, as_of=as_of, is_rule_only=population.is_of_starter
        )
    promised = load_effects(
        warehouse,
        settings,
        policy,
        as_of=as_of,
        customer_ids=population.customers.customer_ids,
        actions=list(in_force.catalogue.actions.values()),
    )
    bandit = load_day_bandit(
        warehouse,
        settings,
        policy,
        as_of=as_of,
        customer_ids=population.customers.customer_ids,
    )
    return DayInputs(
        catalogue=in_force.catalogue,
        alert=in_force.alert,
        quotas=quotas,
        policy=policy,
        period=period,
        designs=designs,
        population=population,
        promised=promised,
        bandit=bandit,
    )


def load_codes(transaction: Transaction, settings: Settings, catalogue: Catalogue) -> None:
    """Take in the coupon codes that are new in their files."""
    pools = {action.coupons for action in catalogue.contacts.values() if action.coupons}
    for pool in sorted(pools):
        add_codes(
            transaction,
            pool,
            read_codes(settings.actions_folder, pool),
            loaded_at=clock.now(),
            run_id=settings.run_id,
        )


def _quotas(transaction: Transaction, catalogue: Catalogue) -> Floats:
    """Contacts of the day by action: its quota, and codes left in its pool."""
    quotas = []
    for action in catalogue.actions.values():
        quota = np.inf if action.quota_per_day is None else float(action.quota_per_day)
        if action.coupons is not None:
            quota = min(quota, codes_left(transaction, action.coupons))
        quotas.append(quota)
    return np.array(quotas, dtype=np.float64)


def decide_day(inputs: DayInputs, settings: Settings, as_of: date) -> records.DayRecord:
    """The rows of the day's decision."""
    population, limits = inputs.population, settings.actions
    customers = population.customers
    actions = list(inputs.catalogue.actions.values())
    minor_units = settings.calendar.minor_units
    allowed, reason = eligible(
        customers,
        actions,
        inputs.quotas,
        limits_of(settings),
        minor_units,
    )
    if inputs.bandit is None:
        expected = expected_by(
            inputs.policy, customers, actions, inputs.promised, minor_units=minor_units
        )
    else:
        expected = by_bandit(inputs.bandit, customers, actions, allowed, minor_units=minor_units)
    policy_id = inputs.policy.policy_id
    order = places(customers.customer_ids, order_salt(policy_id, as_of))
    is_holdout = _holdout(inputs)
    could = (reason == None) & ~is_holdout  # noqa: E711  (elementwise)
    experiments = draw(
        inputs.designs,
        list(inputs.catalogue.actions),
        customers.customer_ids,
        customers.tier,
        allowed & could[:, None],
        expected.cost_cents,
        places=order,
        budget_cents=limits.budget_per_day * minor_units,
        quotas=inputs.quotas,
        day=as_of.isoformat(),
    )
    decision = decide(
        list(inputs.catalogue.actions),
        allowed,
        reason,
        expected,
        is_holdout=is_holdout,
        experiments=experiments,
        lots=places(customers.customer_ids, lot_salt(policy_id, as_of)),
        places=order,
        explore_share=limits.explore_share,
        budget_cents=limits.budget_per_day * minor_units,
        quotas=inputs.quotas,
    )
    return records.as_record(
        decision, expected, population, inputs.catalogue, inputs.policy,
        as_of=as_of, run_id=settings.run_id,
    )  # fmt: skip


def _holdout(inputs: DayInputs) -> Bools:
    ids = inputs.population.customers.customer_ids
    if inputs.period is None:
        return np.zeros(len(ids), dtype=np.bool_)
    return in_holdout(ids, inputs.period.salt, inputs.period.share)


def audit_inputs(inputs: DayInputs, settings: Settings, as_of: date) -> AuditInputs:
    """What the rows of the day are compared with."""
    p_value = 1.0
    share = settings.trial.challenger_share
    ids = inputs.population.customers.customer_ids
    if inputs.period is not None and share > 0 and ids:
        challenger = places(ids, settings.trial.salt) < share
        p_value = dependence_p_value(_holdout(inputs), challenger)
    return AuditInputs(
        as_of=as_of,
        timezone=settings.calendar.timezone,
        policy_id=inputs.policy.policy_id,
        actions=list(inputs.catalogue.actions.values()),
        quotas=inputs.quotas,
        fatigue_days=settings.actions.fatigue_days,
        window_days=settings.churn.lead_days + settings.churn.horizon_days,
        contacts_per_year_max=settings.actions.contacts_per_year_max,
        dependence_p_value=p_value,
    )
