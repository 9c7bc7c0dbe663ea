"""Which table each kind of file fills, and which files only help others along."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from retention_ml.deliveries.guess.header_words import event_types, normalized
from retention_ml.deliveries.guess.numbers import Notation
from retention_ml.deliveries.guess.profile import Profile
from retention_ml.deliveries.guess.relations import covers
from retention_ml.deliveries.guess.roles import Match, Roles, generic_key
from retention_ml.deliveries.guess.samples.sample import Sample

_BY_FILE_NAME = {
    "customer_id": r"customer|client|user|buyer|member|kunde|klant|client|klient|顧客|会員|客户",
    "product_id": r"product|item|article|artikel|produ[ck]t|catalog|商品|товар",
    "order_id": r"order|sale|invoice|bestell|command|pedido|ordin|zamow|注文|受注|订单|заказ",
}
_FEED_NAMES = {
    "order_lines": "lines",
    "campaign_contacts": "contacts",
    "exchange_rates": "rates",
}
_MONEY = ("line_amount", "unit_price", "order_total")


@dataclass(slots=True, kw_only=True)
class FileKind:
    """Files that are alike: how they are read, their columns, and the table they fill.

    Parameters
    ----------
    table : str
        "" where it is not clear.
    missing : tuple of str
        Texts that stand for nothing.
    totals : (str, list of str), optional
        The column and its texts that mark rows with sums of others.
    lookups : list of Join
        Files that bring what this one lacks.
    """

    samples: list[Sample]
    profiles: Mapping[str, Profile]
    roles: Roles
    notation: Notation
    missing: tuple[str, ...] = ()
    totals: tuple[str, list[str]] | None = None
    table: str = ""
    name: str = ""
    files: tuple[str, ...] = ()
    lookups: list["Join"] = field(default_factory=list)

    @property
    def sample(self) -> Sample:
        """The first of them."""
        return self.samples[0]

    def of(self, role: str) -> Profile | None:
        """The column of a role, of this file or of a lookup."""
        for kind in (self, *(join.other for join in self.lookups)):
            if role in kind.roles:
                return kind.profiles[kind.roles[role].column]
        return None


@dataclass(frozen=True, slots=True)
class Join:
    """A file that is joined: on which column of the rows, to which of that file."""

    other: FileKind
    on: str
    key: str
    share: float


def settle_keys(kind: FileKind) -> None:
    """Give a column that is only called `id` the role that the file lacks."""
    column = generic_key(kind.profiles, kind.roles, kind.sample.each)
    is_keyed = any(kind.roles[role].score > 0.7 for role in ("order_id",) if role in kind.roles)
    if column is None or (is_keyed and not kind.sample.each):
        return
    name = normalized(kind.sample.path.stem)
    likely = [role for role, words in _BY_FILE_NAME.items() if re.search(words, name)]
    if kind.sample.each or (_has(kind, "event_at") and _has(kind, *_MONEY)):
        likely = ["order_id"]
    elif not likely and "rating" in kind.roles:
        likely = ["feedback_id"]
    for role in (*likely, "product_id" if _has(kind, "product_name") else "customer_id"):
        if role not in kind.roles or kind.roles[role].score < 0.7:
            kind.roles[role] = Match(column, 0.6)
            return


def table_of(kind: FileKind) -> str:
    """The table that a file's columns fill, or ""."""
    roles = kind.roles
    has_customer = _has(kind, "customer_id", "email")
    has_time = _has(kind, "event_at")
    if "event_type" in roles and has_time and _is_event_log(kind):
        return "events"
    if {"exchange_rate", "currency"} <= roles.keys() and has_time and not has_customer:
        return "exchange_rates"
    if "rating" in roles and has_time and not _has(kind, "line_amount", "quantity"):
        return "feedback"
    if "campaign_id" in roles and has_customer and has_time and "order_id" not in roles:
        return "campaign_contacts"
    if "order_id" in roles:
        if _has(kind, *_MONEY) or _has(kind, "product_id", "product_name"):
            return "order_lines"
        return "orders" if has_customer or has_time else ""
    if has_customer and has_time and _has(kind, *_MONEY):
        return "order_lines"
    for table, key in (("customers", "customer_id"), ("products", "product_id")):
        if key in roles and kind.profiles[roles[key].column].is_unique:
            return table
    if has_customer and _has(kind, "registered_at", "event_at"):
        return "customers"
    return ""


def join_files(kinds: Sequence[FileKind]) -> list[FileKind]:
    """The kinds that become feeds; the others are joined to them where that brings something."""
    for kind in kinds:
        if kind.table == "order_lines" and any(_has_lines_of(other, kind) for other in kinds):
            kind.table = "orders"
    for kind in kinds:
        if kind.table == "order_lines":
            _join(kind, kinds)
    joined = [join.other for kind in kinds for join in kind.lookups]
    return [kind for kind in kinds if not any(kind is other for other in joined)]


def _has_lines_of(lines: FileKind, orders: FileKind) -> bool:
    """Whether a file has the products of the orders of another, which only has their totals."""
    if (
        lines is orders
        or not _has(lines, "product_id", "product_name")
        or "order_id" not in lines.roles
    ):
        return False
    is_total = not _has(orders, "product_id", "product_name")
    return is_total and _best_join(lines, orders) is not None


def _join(kind: FileKind, kinds: Sequence[FileKind]) -> None:
    """Add the file that fits best, while one brings a role that is missing."""
    others = [other for other in kinds if other is not kind and len(other.samples) == 1]
    others = [other for other in others if other.table not in ("events", "feedback", "order_lines")]
    while True:
        joined = [join.other for join in kind.lookups]
        joins = [
            join
            for other in others
            if not any(other is one for one in joined) and _brings(kind, other)
            if (join := _best_join(kind, other)) is not None
        ]
        if not joins:
            return
        kind.lookups.append(max(joins, key=lambda join: (join.share, len(join.other.roles))))


def _brings(kind: FileKind, other: FileKind) -> bool:
    """Whether a file has what rows of another still need."""
    if "order_id" in other.roles and not _any(kind, "event_at") and "event_at" in other.roles:
        return True
    if not _any(kind, "customer_id", "email") and _has(other, "customer_id", "email"):
        return "order_id" in other.roles
    if not _any(kind, *_MONEY) and _has(other, "unit_price"):
        return True
    return "person_id" in other.roles and kind.of("person_id") is None


def _best_join(kind: FileKind, other: FileKind) -> Join | None:
    """The columns of one role by which nearly all rows find their counterpart."""
    joins = [
        Join(other, one.roles[role].column, key, share)
        for one in (kind, *(join.other for join in kind.lookups))
        for role in ("order_id", "product_id", "customer_id", "email")
        if role in one.roles and role in other.roles
        for key in (other.roles[role].column, *(_ids(other) if role == "order_id" else ()))
        if (share := covers(other.profiles[key], one.profiles[one.roles[role].column])) >= 0.5
    ]
    return max(joins, key=lambda join: join.share, default=None)


def _ids(kind: FileKind) -> list[str]:
    """Columns that number the rows of a file of orders."""
    return [
        name
        for name, profile in kind.profiles.items()
        if profile.is_unique and "id" in normalized(name).split()
    ]


def _any(kind: FileKind, *roles: str) -> bool:
    return any(kind.of(role) is not None for role in roles)


def _has(kind: FileKind, *roles: str) -> bool:
    return any(role in kind.roles for role in roles)


def _is_event_log(kind: FileKind) -> bool:
    """Whether a good part of the words are events, and not every row is of an order."""
    counts = kind.profiles[kind.roles["event_type"].column].counts
    fits = [text for text in counts if normalized(text) in event_types()]
    order = kind.of("order_id")
    return len(fits) >= 0.3 * len(counts) and (order is None or order.filled_share < 0.9)


def name_feeds(kinds: Sequence[FileKind]) -> None:
    """Give each kind a name and patterns that no file of another kind fits."""
    used_names: set[str] = set()
    for kind in kinds:
        base = _FEED_NAMES.get(kind.table, kind.table)
        number = 1
        while (name := base if number == 1 else f"{base}_{number}") in used_names:
            number += 1
        used_names.add(name)
        kind.name = name
    for kind in kinds:
        others = [s.path.name for o in kinds if o is not kind for s in o.samples]
        others += [join.other.sample.path.name for o in kinds for join in o.lookups]
        kind.files = _patterns([sample.path for sample in kind.samples], others)


def _common_beginning(names: Sequence[str]) -> str:
    first, last = min(names), max(names)
    same = (a == b for a, b in zip(first, last, strict=False))
    return first[: next((i for i, is_same in enumerate(same) if not is_same), len(last))]


def _patterns(paths: Sequence[Path], others: Sequence[str]) -> tuple[str, ...]:
    """One pattern for the files and those that follow them, or their very names."""
    names = list(dict.fromkeys(path.name for path in paths))
    prefix = _common_beginning(names)
    if len(names) == 1:
        prefix = prefix[: prefix.index(".")] if "." in prefix[1:] else prefix
    prefix = re.split(r"[-_ .(]*\d", prefix, maxsplit=1)[0] or prefix
    ends = {"".join(path.suffixes[-2:]) if path.suffix == ".gz" else path.suffix for path in paths}
    if len(ends) == 1 and prefix and "*" not in prefix and "[" not in prefix:
        pattern = f"{prefix}*{ends.pop()}"
        fits = all(fnmatchcase(name, pattern) for name in names)
        if fits and not any(fnmatchcase(name, pattern) for name in others):
            return (pattern,)
    return tuple(re.sub(r"([\[*?])", r"[\1]", name) for name in names)
