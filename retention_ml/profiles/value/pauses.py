"""Pauses of a whole shop: days without anybody's order, missing deliveries rather than a season."""

import numpy as np

from retention_ml.profiles.histories import Histories


def holds_pause(histories: Histories, since: int, until: int, *, gap_days_max: int) -> bool:
    """Whether a pause longer than accepted reaches into the days from `since` to before `until`.

    Parameters
    ----------
    histories : Histories
        Their last pause lasts until today. Before the first order there is no shop, and no pause.
    since, until : int
        Numbers of days.
    gap_days_max : int
        A longer pause of the whole shop counts.
    """
    edges = np.append(np.unique(histories.day), histories.today)
    first, end = edges[:-1] + 1, edges[1:]
    is_long = end - first > gap_days_max
    return bool((is_long & (first < until) & (end > since)).any())
