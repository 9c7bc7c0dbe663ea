"""The canonical columns of a kind of file: from which column each comes, and what was seen."""

from dataclasses import dataclass, field

from retention_ml.deliveries.guess.amounts import PerOrder, amounts_of
from retention_ml.deliveries.guess.cells import lines_in_cells
from retention_ml.deliveries.guess.feeds import FileKind
from retention_ml.deliveries.guess.fields import customer_lines, id_line, time_line
from retention_ml.deliveries.guess.header_words import event_types, normalized
from retention_ml.deliveries.guess.relations import Orders, orders_of
from retention_ml.deliveries.guess.write_toml import Line, counted, joined, percent

_EXTRA = {
    "customers": (("registered_at", "registered_at"), ("country", "country")),
    "products": (("product_name", "name"), ("category", "category"), ("brand", "brand")),
}
_OF_ORDERS = (
    "customer_id", "email", "event_at", "time_of_day", "timezone", "status", "currency", "country",
)  # fmt: skip


@dataclass(slots=True)
class Mapped:
    """What the columns of a feed are, and the keys of the feed that follow from them."""

    columns: list[Line] = field(default_factory=list)
    options: list[Line] = field(default_factory=list)
    per_order: list[PerOrder] = field(default_factory=list)
    also: dict[str, list[Line]] = field(default_factory=dict)

    @property
    def has_refunds(self) -> bool:
        """Whether refunded money becomes a line of its own."""
        return any(one.keys.get("kind") == "return" for one in self.per_order)

    def add_customer(self, kind: FileKind, orders: Orders | None = None) -> None:
        """The customer's column, and whether rows without one are kept."""
        columns, options = customer_lines(kind, orders)
        self.columns += columns
        self.options += options


def map_columns(kind: FileKind) -> Mapped:
    """The columns of a kind of file whose table is decided."""
    mapped = Mapped()
    {
        "order_lines": _order_lines,
        "orders": _orders,
        "events": _events,
        "feedback": _feedback,
        "campaign_contacts": _contacts,
        "exchange_rates": _exchange_rates,
        "customers": _customers,
        "products": _products,
    }[kind.table](kind, mapped)
    return mapped


def _order_lines(kind: FileKind, mapped: Mapped) -> None:
    orders = _order_number(kind, mapped)
    role = next((role for role in ("product_id", "product_name") if kind.of(role)), None)
    if role is None:
        why = "TODO: the file names no product"
        mapped.columns.append(Line("product_id", {"constant": "order"}, why))
    else:
        why = "" if role == "product_id" else "no product number: the name stands for it"
        mapped.columns.append(id_line(kind, role, "product_id", why))
    mapped.add_customer(kind, orders)
    amounts, mapped.per_order = amounts_of(kind, orders)
    mapped.columns += [time_line(kind), *amounts]
    carried = [
        name
        for name, profile in kind.profiles.items()
        if any(r in kind.roles and kind.roles[r].column == name for r in _OF_ORDERS)
        and orders.level(profile) == "first row"
    ]
    if carried and "order_id" in kind.roles:
        why = "only the first row of an order has them"
        mapped.options.append(Line("fill_down", carried, why))
    if kind.sample.each is None and (cell := lines_in_cells(kind.profiles)) is not None:
        doubt = f"TODO: {cell.column!r} holds several lines; so they become rows, with its fields"
        mapped.options.append(Line("each", cell._asdict(), doubt, is_proposal=True))
    products = _extra(kind, "products")
    if role == "product_id" and role in kind.roles and products:
        mapped.also["products"] = [_bare(id_line(kind, role, role)), *products]
    customer = [_bare(line) for line in mapped.columns if line.key == "customer_id"]
    if customer and "country" in kind.roles and {"customer_id", "email"} & kind.roles.keys():
        country = Line("country", kind.roles["country"].column)
        mapped.also["customers"] = [*customer, country]


def _order_number(kind: FileKind, mapped: Mapped) -> Orders:
    number = kind.of("order_id")
    if number is not None:
        line = id_line(kind, "order_id", "order_id")
        orders = orders_of(number.texts if "order_id" in kind.roles else ())
        customer = kind.of("customer_id") or kind.of("email")
        several = len(orders.several)
        remarks = f"{counted(len(orders.rows), 'order')}, {several:,} of several rows"
        if customer is not None and several and customer.name in kind.profiles:
            share = orders.determines(customer)
            remarks += f"; of these {percent(share)} with one customer"
            remarks += "" if share > 0.99 else ". TODO: is it the order's number?"
        mapped.columns.append(line._replace(comment=joined(line.comment, remarks)))
        return orders
    roles = [role for role in ("customer_id", "email") if role in kind.roles][:1]
    names = [kind.roles[role].column for role in (*roles, "event_at") if role in kind.roles]
    why = "no order number: the customer and the time stand for it"
    mapped.columns.append(Line("order_id", {"columns": names}, why))
    texts = zip(*(kind.profiles[name].texts for name in names), strict=True)
    return orders_of(["-".join(parts) for parts in texts])


def _orders(kind: FileKind, mapped: Mapped) -> None:
    mapped.columns.append(id_line(kind, "order_id", "order_id"))
    mapped.add_customer(kind)
    mapped.columns.append(time_line(kind))


def _events(kind: FileKind, mapped: Mapped) -> None:
    mapped.add_customer(kind)
    visitor, customer = kind.of("anonymous_id"), kind.of("customer_id")
    if visitor is not None and customer is not None and customer.filled < visitor.filled:
        both = {"first_of": [customer.name, visitor.name]}
        doubt = "TODO: in place of the line above, if visitors who are not signed in shall count"
        mapped.columns.append(Line("customer_id", both, doubt, is_proposal=True))
    mapped.columns.append(time_line(kind))
    column = kind.profiles[kind.roles["event_type"].column]
    event_words = {
        text: event_types()[normalized(text)]
        for text in column.counts
        if normalized(text) in event_types()
    }
    renamed = {text: word for text, word in event_words.items() if text != word}
    mapped.columns.append(
        Line("event_type", {"column": column.name, "values": renamed} if renamed else column.name)
    )
    if column.filled_share < 1:
        mapped.options.append(
            Line("where", {column.name: "present"}, "rows without it are no events")
        )
    if others := [text for text in column.counts if text not in event_words]:
        mapped.options.append(
            Line(
                "unless",
                {column.name: others},
                "no canonical event: left out, and counted. TODO: map those of use",
            )
        )
    for role, key in (("product_id", "product_id"), ("session_id", "session_id")):
        if role in kind.roles:
            mapped.columns.append(Line(key, kind.roles[role].column))


def _feedback(kind: FileKind, mapped: Mapped) -> None:
    role = "feedback_id" if "feedback_id" in kind.roles else None
    if role:
        mapped.columns.append(id_line(kind, role, "feedback_id"))
    else:
        names = [
            kind.roles[r].column
            for r in ("customer_id", "email", "product_id", "event_at")
            if r in kind.roles
        ]
        mapped.columns.append(
            Line("feedback_id", {"columns": names[:3]}, "no number: these stand for it")
        )
    rating = kind.profiles[kind.roles["rating"].column]
    values = [value for value in rating.numbers if value is not None]
    low, high = (
        min(1, int(min(values))),
        5 if max(values) <= 5 else 10 if max(values) <= 10 else 100,
    )
    scale = {"column": rating.name, "scale": [low, high]}
    mapped.add_customer(kind)
    mapped.columns += [
        time_line(kind),
        Line("kind", {"constant": "review"}, "TODO: review, survey, complaint or return_reason"),
        Line("rating_share", scale, f"marks from {min(values):g} to {max(values):g} were seen"),
    ]
    if "product_id" in kind.roles:
        mapped.columns.append(Line("product_id", kind.roles["product_id"].column))
    if "comment" in kind.roles:
        mapped.columns.append(Line("comment", kind.roles["comment"].column))


def _exchange_rates(kind: FileKind, mapped: Mapped) -> None:
    mapped.columns += [
        Line("currency", kind.roles["currency"].column),
        time_line(kind, key="valid_from"),
        Line(
            "rate",
            kind.roles["exchange_rate"].column,
            "TODO: units of the shop's currency for one of it",
        ),
    ]


def _extra(kind: FileKind, table: str) -> list[Line]:
    """Descriptions of customers or products that stand in the same rows."""
    lines = []
    for role, key in _EXTRA[table]:
        if role == "registered_at" and role not in kind.roles and table == kind.table:
            role = "event_at"
        if role not in kind.roles:
            continue
        if key == "registered_at":
            lines.append(time_line(kind, role, key))
        else:
            lines.append(Line(key, kind.roles[role].column))
    return lines


def _contacts(kind: FileKind, mapped: Mapped) -> None:
    mapped.columns.append(id_line(kind, "campaign_id", "campaign_id"))
    mapped.columns += customer_lines(kind)[0]
    doubt = "TODO: sent, opened, clicked, redeemed or holdout"
    mapped.columns += [time_line(kind), Line("kind", {"constant": "sent"}, doubt)]


def _customers(kind: FileKind, mapped: Mapped) -> None:
    mapped.columns += [*customer_lines(kind)[0], *_extra(kind, "customers")]


def _products(kind: FileKind, mapped: Mapped) -> None:
    mapped.columns += [id_line(kind, "product_id", "product_id"), *_extra(kind, "products")]


def _bare(line: Line) -> Line:
    return line._replace(comment="")
