"""Who is looked at: the active customers of a day."""

import ibis


def active_customers(known_days: ibis.Table, active_days: int) -> ibis.Table:
    """Customers with a purchase in the `active_days` before as_of, as known at its start.

    Parameters
    ----------
    known_days : ibis.Table
        `inputs.known_days`.
    active_days : int
        Purchase days D - active_days to D - 1 count.

    Returns
    -------
    ibis.Table
        `as_of_day`, `customer_id`, one row each.
    """
    bought = known_days.filter(known_days.orders_count > 0, known_days.age_days <= active_days)
    return bought.select("as_of_day", "customer_id").distinct()
