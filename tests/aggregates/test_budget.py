"""The budget of a month: shared by all releases, exact, and spent once."""

from datetime import date
from decimal import Decimal

import pytest

from retention_ml.aggregates.budget import Budget, epsilon_of, exact
from retention_ml.aggregates.kinds import Kind
from retention_ml.errors import SettingsError
from retention_ml.settings import Settings, load

MARCH, WEEK = date(2026, 3, 1), date(2026, 3, 30)


def _budget(spent: str, limit: str = "1") -> Budget:
    return Budget(month_on=MARCH, limit=Decimal(limit), spent=Decimal(spent))


def test_what_fits_to_the_last_digit_is_paid() -> None:
    week = exact(0.1)
    assert _budget("0.9").refusal(Kind.RISK_TIERS, WEEK, week) is None
    assert _budget(str(week * 9)).refusal(Kind.RISK_TIERS, WEEK, week) is None
    assert 0.1 + 0.2 > 0.3  # what binary fractions would say
    assert _budget("0.2", "0.3").refusal(Kind.RISK_TIERS, WEEK, week) is None


def test_what_does_not_fit_is_refused_with_what_was_spent_and_when_there_is_budget_again() -> None:
    why = _budget("0.9").refusal(Kind.RISK_TIERS, WEEK, Decimal("0.2"))
    assert why is not None
    assert "of the week of 2026-03-30 are not published: they cost ε 0.2" in why
    assert "releases of March 2026 have spent ε 0.9 of 1." in why
    assert "periods that begin on 2026-04-01 or later. Nothing was published or spent." in why
    december = Budget(month_on=date(2026, 12, 1), limit=Decimal(1), spent=Decimal(1))
    assert "2027-01-01" in str(december.refusal(Kind.COHORTS, date(2026, 12, 1), Decimal(1)))


def test_each_kind_costs_what_its_setting_says(settings: Settings) -> None:
    assert epsilon_of(Kind.RISK_TIERS, settings) == Decimal("0.2")
    assert epsilon_of(Kind.COHORTS, settings) == 0


def test_as_shipped_nothing_is_public_and_a_month_of_five_weeks_can_be_paid(
    settings: Settings,
) -> None:
    assert not settings.privacy.public_aggregates
    assert 5 * exact(settings.privacy.public_tiers_epsilon) <= exact(
        settings.privacy.public_epsilon_month
    )


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"COHORTS_EPSILON": "0.5"}, r"cost 1\.5, more than public_epsilon_month 1\. Lower them"),
        ({"EPSILON_MONTH": "0.9"}, r"5 weeks of public_tiers_epsilon 0\.2 .* cost 1\.0, more than"),
        ({"EPSILON_MONTH": "0"}, "greater than 0"),
        ({"EPSILON_MONTH": "nan"}, "less than or equal to 10"),
        ({"EPSILON_MONTH": "inf"}, "less than or equal to 10"),
        ({"TIERS_EPSILON": "-0.1"}, "greater than or equal to 0"),
        ({"TIERS_EPSILON": "0.001"}, r"0 \(not published\) or at least 0\.01: below, the noise"),
        ({"CELL_MIN": "0"}, "greater than or equal to 1"),
        ({"AGGREGATES": "true", "TIERS_EPSILON": "0"}, "nothing would be published. Give one"),
    ],
)
def test_what_cannot_be_meant_is_refused(values: dict[str, str], words: str) -> None:
    variables = {f"RETENTION_PRIVACY__PUBLIC_{name}": value for name, value in values.items()}
    with pytest.raises(SettingsError, match=words):
        load(variables)


def test_a_larger_month_pays_for_cohorts_too() -> None:
    choices = load(
        {
            "RETENTION_PRIVACY__PUBLIC_AGGREGATES": "true",
            "RETENTION_PRIVACY__PUBLIC_EPSILON_MONTH": "1.5",
            "RETENTION_PRIVACY__PUBLIC_COHORTS_EPSILON": "0.5",
        }
    )
    assert epsilon_of(Kind.COHORTS, choices) == Decimal("0.5")
