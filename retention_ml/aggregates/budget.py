"""What a month's releases may reveal of one person, and what of it is spent."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from retention_ml.aggregates.kinds import Kind
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction


def epsilon_of(kind: Kind, settings: Settings) -> Decimal:
    """What a release of that kind costs; 0: there is none."""
    choices = settings.privacy
    return exact(
        choices.public_tiers_epsilon if kind is Kind.RISK_TIERS else choices.public_cohorts_epsilon
    )


def exact(epsilon: float) -> Decimal:
    """The number as it was typed: five times 0.2 is 1, and three times 0.1 is 0.3.

    Examples
    --------
    >>> exact(0.1) * 3
    Decimal('0.3')
    """
    return Decimal(str(epsilon))


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The budget of a calendar month, which all kinds of releases share.

    Parameters
    ----------
    month_on : date
        Its first day. A week belongs to the month of its Monday.
    limit, spent : Decimal
        In epsilon, per person.
    """

    month_on: date
    limit: Decimal
    spent: Decimal

    def refusal(self, kind: Kind, period_on: date, cost: Decimal) -> str | None:
        """Why a release cannot be paid; None where it can.

        Examples
        --------
        >>> budget = Budget(month_on=date(2026, 3, 1), limit=Decimal("1"), spent=Decimal("1.0"))
        >>> budget.refusal(Kind.RISK_TIERS, date(2026, 3, 30), Decimal("0.2"))[:70]
        'risk_tiers of the week of 2026-03-30 are not published: they cost ε 0.'
        >>> budget.refusal(Kind.RISK_TIERS, date(2026, 3, 30), Decimal("0")) is None
        True
        """
        if self.spent + cost <= self.limit:
            return None
        return (
            f"{kind} of the {kind.period} of {period_on} are not published: they cost ε {cost}, and "
            f"releases of {self.month_on:%B %Y} have spent ε {self.spent} of {self.limit}. A month's "
            "budget does not come back, so this period stays unpublished; there is budget again for "
            f"periods that begin on {_following(self.month_on)} or later. Nothing was published or spent."
        )


def budget_of(transaction: Transaction, period_on: date, settings: Settings) -> Budget:
    """The budget of the month that a period begins in, as releases have spent it."""
    month_on = period_on.replace(day=1)
    [[spent]] = transaction.execute(
        "SELECT coalesce(sum(epsilon), 0) FROM privacy.releases "
        "WHERE period_on >= :first AND period_on < :following",
        first=month_on,
        following=_following(month_on),
    )
    return Budget(
        month_on=month_on,
        limit=exact(settings.privacy.public_epsilon_month),
        spent=Decimal(spent),
    )


def _following(month_on: date) -> date:
    return date(month_on.year + month_on.month // 12, month_on.month % 12 + 1, 1)
