"""Which column is what: by its name, as far as its contents allow."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from retention_ml.deliveries.guess.header_words import (
    LINE_ROLES,
    best_score,
    cell_words,
    event_types,
    normalized,
    words,
)
from retention_ml.deliveries.guess.numbers import currency_code
from retention_ml.deliveries.guess.profile import Content, Profile
from retention_ml.deliveries.guess.relations import find_product, orders_of

SURE = 0.6
_UNSURE = 0.5
_ENOUGH = 0.45
_OF_LINES = frozenset({*LINE_ROLES, "discount", "tax"})
_GENERIC = frozenset({"id", "no", "nr", "number", "code", "key", "name", "numero", "ref"})
# Times that are not when it was ordered, people who are no number, and the like.
_ODD = {
    "event_at": (
        "cancel", "deliver", "ship", "updat", "birth", "modif", "expir", "due", "fulfil", "approved",
        "liefer", "livraison", "entrega", "versand", "limit", "estimated", "refund", "closed",
    ),
    "customer_id": (
        "name", "type", "group", "country", "city", "phone", "note", "zip", "state", "agent", "email",
        "mail", "status", "address", "orders count", "total spent", "nom", "ville", "segment",
    ),
    "order_id": (
        "date", "status", "type", "item", "line", "total", "at", "time", "currency", "source", "channel",
        "count", "amount", "name of", "value", "state", "notes", "datum", "rebate", "quantity", "qty",
    ),
    "product_id": ("price", "type", "name", "status", "qty", "quantity", "category", "total", "amount", "tax"),
    "quantity": ("refund", "return", "cancel", "shipped", "backorder", "invoiced", "available"),
    "unit_price": ("compare", "cost", "discount", "tax", "ship", "original", "msrp"),
    "line_amount": ("tax", "ship", "discount", "refund", "due", "fee", "cost", "order total", "paid at"),
    "product_name": ("customer", "billing", "shipping", "buyer", "first", "last", "event", "campaign", "company"),
}  # fmt: skip


# What the words of a status say of an order, and roles whose column may be its status all the same.
STATUS_GROUPS = ("cancelled", "refunded", "failed")
_BESIDES = frozenset({"status", "event_type", "comment", "channel"})
_WORDS_MAX = 20


class Match(NamedTuple):
    """The column of a role, and how well the name fits, from 0 to 1."""

    column: str
    score: float

    @property
    def is_sure(self) -> bool:
        """Whether the name is one that the role usually has."""
        return self.score >= SURE


Roles = dict[str, Match]


def assign(profiles: Mapping[str, Profile], each: str | None = None) -> Roles:
    """The best column of each role; a column has one role.

    Parameters
    ----------
    each : str, optional
        The array whose elements are lines: their fields belong to lines, the others to the order.
    """
    scores = sorted(
        (
            (_score(role, profile.name, each) - 0.0001 * place, role, profile.name)
            for role in words()["roles"]
            for place, profile in enumerate(profiles.values())
            if _allows(role, profile)
        ),
        reverse=True,
    )
    roles: Roles = {}
    used_columns: set[str] = set()
    for score, role, column in scores:
        if score >= _ENOUGH and role not in roles and column not in used_columns:
            roles[role] = Match(column, min(1.0, round(score, 2)))
            used_columns.add(column)
    return roles


def assign_by_content(profiles: Mapping[str, Profile]) -> Roles:
    """The roles of order lines in a file that names no columns; all of them unsure."""
    times = [profile for profile in profiles.values() if profile.times is not None]
    roles: Roles = {"event_at": Match(times[0].name, _UNSURE)} if times else {}
    numbers = [p for p in profiles.values() if p.numbers and p.times is None]
    pieces = [p for p in numbers if p.is_whole and not p.is_unique and len(p.counts) > 1]
    for quantity in pieces:
        if pair := find_product(numbers, quantity):
            used = (quantity, *pair)
            names = ("quantity", "unit_price", "line_amount")
            roles |= {r: Match(p.name, _UNSURE) for r, p in zip(names, used, strict=True)}
            break
    used_columns = {match.column for match in roles.values()}
    ids = [p for p in profiles.values() if _is_id(p) and p.name not in used_columns]
    ids = [p for p in ids if len(p.counts) > 1]
    orders = [
        p
        for p in ids
        if times and p.filled_share > 0.9 and orders_of(p.texts).determines(times[0]) == 1
    ]
    if orders:
        order = max(orders, key=lambda profile: len(profile.counts))
        roles["order_id"] = Match(order.name, _UNSURE)
        others = [profile for profile in ids if profile is not order]
        customers = [p for p in others if orders_of(order.texts).determines(p) == 1]
        products = [p for p in others if p not in customers[:1]]
        roles |= {"customer_id": Match(customers[0].name, _UNSURE)} if customers else {}
        roles |= {"product_id": Match(products[0].name, _UNSURE)} if products else {}
    return roles


def status_columns(profiles: Mapping[str, Profile], roles: Roles) -> list[Profile]:
    """Columns of few words, some of which say that an order was undone, and that are nothing else."""
    others = {match.column for role, match in roles.items() if role not in _BESIDES}
    return [
        profile
        for name, profile in profiles.items()
        if name not in others and _is_status(profile) and _says_undone(profile)
    ]


def settle_status(profiles: Mapping[str, Profile], roles: Roles) -> None:
    """Make a column the status by its words, whatever it is called, where no header names one.

    A column that is only called so, and has no such word, gives way.
    """
    columns = status_columns(profiles, roles)
    if "status" in roles and profiles[roles["status"].column] in columns:
        return
    for profile in columns:
        is_repeated = profile.filled >= 2 * len(profile.counts)
        if is_repeated and len(profile.counts) <= _WORDS_MAX:
            roles["status"] = Match(profile.name, _UNSURE)
            return


def generic_key(profiles: Mapping[str, Profile], roles: Roles, each: str | None) -> str | None:
    """A column that is only called `id`, `number` or the like, and has no role yet."""
    used_columns = {match.column for match in roles.values()}
    names = [
        name
        for name, profile in profiles.items()
        if normalized(name) in _GENERIC
        and name not in used_columns
        and profile.filled_share > 0.9
        and not (each and name.startswith(f"{each}."))
    ]
    return min(names, key=lambda name: normalized(name) != "id", default=None)


def _score(role: str, name: str, each: str | None) -> float:
    is_element = each is not None and name.startswith(f"{each}.")
    score = best_score(role, name)
    if "." in name:
        score = max(score, 0.7 * best_score(role, name.rpartition(".")[2]))
    if is_element and role in _OF_LINES:
        score = max(score, best_score(role, name.removeprefix(f"{each}."))) + 0.1
    elif each is not None and (is_element or role in LINE_ROLES):
        score -= 0.4
    header = f" {normalized(name)} "
    if score < 0.99 and any(word in header for word in _ODD.get(role, ())):
        score -= 0.4
    return score


def _is_id(profile: Profile) -> bool:
    if profile.content in (Content.NUMBER, Content.TEXT):
        return profile.is_whole and sum(map(len, profile.counts)) < 50 * len(profile.counts)
    return False


def _is_number(profile: Profile) -> bool:
    return profile.content is Content.NUMBER


def _is_text(profile: Profile) -> bool:
    return profile.content in (Content.TEXT, Content.NUMBER)


def _is_status(profile: Profile) -> bool:
    return profile.content is Content.TEXT and len(profile.counts) <= 40


def _says_undone(profile: Profile) -> bool:
    words_of_column = set(map(normalized, profile.counts))
    return any(words_of_column & cell_words(group) for group in STATUS_GROUPS)


def _is_event(profile: Profile) -> bool:
    names = {normalized(text) for text in profile.counts}
    return profile.content is Content.TEXT and bool(names & event_types().keys())


def _is_rating(profile: Profile) -> bool:
    values = [value for value in profile.numbers if value is not None]
    return bool(values) and len(set(values)) <= 21 and min(values) >= 0 and max(values) <= 100


_CONTENTS: dict[str, Callable[[Profile], bool]] = {
    "order_id": _is_id,
    "product_id": _is_id,
    "customer_id": _is_id,
    "person_id": _is_id,
    "feedback_id": _is_id,
    "session_id": _is_text,
    "product_name": lambda profile: profile.content is Content.TEXT,
    "email": lambda profile: (
        sum("@" in text for text in profile.counts) > 0.7 * len(profile.counts)
    ),
    "event_at": lambda profile: profile.times is not None,
    "registered_at": lambda profile: profile.times is not None,
    "time_of_day": lambda profile: profile.content is Content.CLOCK,
    "currency": lambda profile: all(map(currency_code, profile.counts)),
    "status": _is_status,
    "event_type": _is_event,
    "rating": _is_rating,
}
_NUMBERS = (
    "quantity", "unit_price", "line_amount", "order_total", "discount", "order_discount", "tax", "shipping", "refund",
    "exchange_rate",
)  # fmt: skip


def _allows(role: str, profile: Profile) -> bool:
    """Whether the contents of a column allow a role."""
    if profile.content is Content.EMPTY:
        return False
    if role in _NUMBERS:
        return _is_number(profile)
    return _CONTENTS.get(role, _is_text)(profile)
