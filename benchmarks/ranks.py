"""Ranks of features within a day: what the starter model was also tried on."""

import numpy as np

from retention_ml.statistics.arrays import Floats, Ints


def rank_within(values: Floats, day_numbers: Ints) -> Floats:
    """Ranks of every column among the rows of the same day, strictly within 0 and 1.

    Parameters
    ----------
    values : array of float64, shape (n, k)
        NaN where missing; missing values get no rank and are not counted.
    day_numbers : array of int64, shape (n,)

    Returns
    -------
    array of float64, shape (n, k)
        The middle of the places that equal values share: 0.5 for all where all are equal. NaN
        where missing.

    >>> rank_within(np.array([[3.0], [1.0], [3.0], [9.0]]), np.array([1, 1, 1, 2]))[:, 0].round(3)
    array([0.667, 0.167, 0.667, 0.5  ])
    """
    ranks = np.full(values.shape, np.nan)
    for j in range(values.shape[1]):
        present = np.flatnonzero(~np.isnan(values[:, j]))
        if len(present) == 0:
            continue
        column, days = values[present, j], day_numbers[present]
        order = np.lexsort((column, days))
        column, days = column[order], days[order]
        # A run is rows of one day with one value; its middle, counted from the day's first row.
        new_day = np.append(True, days[1:] != days[:-1])
        new_run = new_day | np.append(True, column[1:] != column[:-1])
        day_of, run_of = np.cumsum(new_day) - 1, np.cumsum(new_run) - 1
        day_at, run_at = np.flatnonzero(new_day), np.flatnonzero(new_run)
        middle = (run_at + np.bincount(run_of) / 2)[run_of] - day_at[day_of]
        ranks[present[order], j] = middle / np.bincount(day_of)[day_of]
    return ranks
