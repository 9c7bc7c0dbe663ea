"""The personas of a day as rows: who belongs to which, and what each is like."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from retention_ml.profiles.histories import Histories
from retention_ml.profiles.personas.fit import PersonaFit
from retention_ml.statistics.arrays import Floats, Ints

_REVENUE_DAYS = 28


@dataclass(frozen=True, slots=True, kw_only=True)
class DayPersonas:
    """Personas of a day.

    Parameters
    ----------
    persona_id : pa.Array of int32, length n
        By customer; null for visitors, and where there are no personas.
    rows : pa.Table
        One per persona, also those without a customer.
    """

    persona_id: pa.Array
    rows: pa.Table


def day_personas(histories: Histories, traits: Floats, fit: PersonaFit) -> DayPersonas:
    """Assign every buyer to the nearest of the frozen centroids.

    Parameters
    ----------
    traits : array of float64, shape (b, 7)
        Of all buyers.
    """
    count, numbers = len(histories.customer_ids), [one.persona_id for one in fit.personas]
    place = fit.assign(traits) if numbers else np.full(len(traits), -1, dtype=np.int64)
    whole = np.zeros(count, dtype=np.int32)
    belongs = np.zeros(count, dtype=bool)
    belongs[histories.buyers] = place >= 0
    whole[histories.buyers] = np.append(numbers, 0)[place]
    return DayPersonas(
        persona_id=pa.array(whole, mask=~belongs), rows=_rows(histories, traits, fit, place)
    )


def _rows(histories: Histories, traits: Floats, fit: PersonaFit, place: Ints) -> pa.Table:
    lately = histories.total_cents(histories.today - _REVENUE_DAYS)[histories.buyers]
    members = [np.flatnonzero(place == number) for number in range(len(fit.personas))]
    medians = [
        np.median(traits[one], axis=0) if len(one) else np.full(traits.shape[1], np.nan)
        for one in members
    ]
    values = np.array(medians, dtype=np.float64).reshape(len(members), traits.shape[1])
    names = ("silent_days", "purchase_days", "revenue_cents", "day_revenue_cents", "interval_days",
             "tenure_days")  # fmt: skip
    return pa.table(
        {
            "persona_id": pa.array([one.persona_id for one in fit.personas], pa.int32()),
            "persona_name": pa.array([one.name for one in fit.personas], pa.string()),
            "traits": pa.array([one.traits for one in fit.personas], pa.string()),
            "customers_count": pa.array([len(one) for one in members], pa.int64()),
            "revenue_28d_cents": pa.array([int(lately[one].sum()) for one in members], pa.int64()),
            **{
                f"median_{name}": pa.array(values[:, column], mask=np.isnan(values[:, column]))
                for column, name in enumerate(names)
            },
        }
    )
