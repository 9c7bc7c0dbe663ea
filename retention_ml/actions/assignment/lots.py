"""The salts of a day's draws: who is explored, and in which order limits are used up."""

from datetime import date


def lot_salt(policy_id: str, as_of: date) -> str:
    """The salt of the lot that decides who is explored and what they get.

    Examples
    --------
    >>> lot_salt("rule-1", date(2026, 3, 1))
    'lot:rule-1:2026-03-01'
    """
    return f"lot:{policy_id}:{as_of.isoformat()}"


def order_salt(policy_id: str, as_of: date) -> str:
    """The salt of the order in which customers come to a limit: unrelated to the lot."""
    return f"order:{policy_id}:{as_of.isoformat()}"
