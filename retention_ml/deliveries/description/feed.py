"""A feed: one kind of file and the table its rows become."""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field, model_validator

from retention_ml import tables
from retention_ml.deliveries.description.checks.columns import check_column
from retention_ml.deliveries.description.checks.formats import check_format, check_names
from retention_ml.deliveries.description.checks.rules import check_rule
from retention_ml.deliveries.description.columns import Column, ColumnOrName, Columns
from retention_ml.deliveries.description.conditions import Conditions, check_conditions
from retention_ml.deliveries.description.lookup import Lookups
from retention_ml.deliveries.description.mistakes import Mistake, listed, nearest, shown
from retention_ml.deliveries.description.rules import DEFAULT_KINDS, Rule
from retention_ml.deliveries.description.section import Encoding, Format, Section
from retention_ml.deliveries.description.shape import Each, EachOrName, FillDownOrNames, PerOrder


class Also(Section):
    """A second table that the same row describes."""

    columns: Columns


# Numbers of things, which a source without any may compose of a customer and a date.
_COMPOSED = ("order_id", "feedback_id", "session_id")


class Feed(Section):
    """One kind of file and the table its rows become."""

    files: tuple[str, ...] = Field(min_length=1)
    table: str
    required: bool | None = None
    format: Format = "csv"
    encoding: Encoding = "utf-8"
    delimiter: str = Field(",", min_length=1, max_length=1)
    quote: Literal['"', "'", ""] = '"'
    escape: Literal["\\", ""] = ""
    decimal: Literal[".", ","] = "."
    group: Literal[",", ""] = ""
    missing: tuple[str, ...] = ()
    header: tuple[str, ...] = ()
    positions: dict[str, tuple[int, int]] = {}
    skip_lines: int = Field(0, ge=0, le=100)
    member: str | None = None
    sheet: str | None = None
    rows: str | None = None
    each: EachOrName | None = None
    fill_down: FillDownOrNames | None = None
    replaces: Literal["order"] | None = None
    guests: bool = False
    repeated_keys: Literal["number", "last"] | None = None
    where: Conditions = {}
    unless: Conditions = {}
    columns: Columns
    currency: ColumnOrName | None = None
    per_order: tuple[PerOrder, ...] = ()
    rules: tuple[Rule, ...] = ()
    also: dict[str, Also] = {}
    lookup: Lookups = ()

    @property
    def is_required(self) -> bool:
        """Whether a day must not go on without its files: unless it says so itself, if it has orders."""
        if self.required is None:
            return self.table in ("orders", "order_lines") or "orders" in self.also
        return self.required

    @property
    def numbers_repeats(self) -> bool:
        """Whether rows of equal key are numbered rather than replaced by the last."""
        return (self.repeated_keys or "number") == "number" and self.table == "order_lines"

    @property
    def has_context(self) -> bool:
        """Whether a row takes values from other rows of its order."""
        return self.fill_down is not None or bool(self.per_order)

    @property
    def has_parts(self) -> bool:
        """Whether a row of the file may become several rows of the table."""
        return self.each is not None or bool(self.per_order)

    def has_one_line(self, product_id: str | None) -> bool:
        """Whether it has one line of a product per order, so that another one replaces it."""
        is_money = any(money.product_id == product_id for money in self.per_order)
        return is_money or not self.numbers_repeats

    @property
    def order_columns(self) -> tuple[str, ...]:
        """The columns by which rows belong to one order."""
        if self.fill_down and self.fill_down.by:
            return self.fill_down.by
        return self.columns["order_id"].source_columns if "order_id" in self.columns else ()

    @property
    def missing_by_column(self) -> dict[str, tuple[str, ...]]:
        """The texts that mean missing in each column of text: the feed's, and the column's own."""
        missing = dict.fromkeys(self.source_columns, self.missing)
        for column in self._all_columns():
            for name in column.source_columns:
                missing[name] = (*missing[name], *column.missing)
        return missing

    @property
    def lookup_files(self) -> tuple[str, ...]:
        """The names of the reference files that its rows need."""
        return tuple(lookup.file for lookup in self.lookup if lookup.file)

    @property
    def condition_columns(self) -> tuple[str, ...]:
        """The columns that rules, `where` and `unless` name: mapped canonical ones, or else the file's."""
        names = [name for rule in self.rules for name in rule.condition_columns]
        return tuple(dict.fromkeys((*self.where, *self.unless, *names)))

    @property
    def text_condition_columns(self) -> tuple[str, ...]:
        """Those of the condition columns that are columns of the file."""
        return tuple(name for name in self.condition_columns if name not in self.columns)

    @property
    def names_customers_in(self) -> tuple[str, ...]:
        """The canonical texts composed of the customer's number, such as an order number."""
        columns = {"": self.columns} | {
            f"{name}.": also.columns for name, also in self.also.items()
        }
        numbers = {
            name
            for of_table in columns.values()
            if "customer_id" in of_table
            for name in of_table["customer_id"].source_columns
        }
        return tuple(
            f"{prefix}{name}"
            for prefix, of_table in columns.items()
            for name, column in of_table.items()
            if name in _COMPOSED and numbers.intersection(column.source_columns)
        )

    @property
    def source_columns(self) -> tuple[str, ...]:
        """The columns of text that rows are made from: of the file, its parts and its lookups."""
        return self._columns_read(optional=True)

    @property
    def file_columns(self) -> tuple[str, ...]:
        """The columns that are read from a file if it has them."""
        return self._of_the_file(self.source_columns)

    @property
    def required_columns(self) -> tuple[str, ...]:
        """The columns the files must have, except those that the lookups bring."""
        return self._of_the_file(self._columns_read(optional=False))

    def _of_the_file(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """The columns without those made from the lines of a cell, but with that cell."""
        if self.each is None or not self.each.is_cell:
            return names
        whole = [name for name in names if not self.each.makes(name)]
        return tuple(dict.fromkeys((*whole, self.each.column)))

    def _columns_read(self, *, optional: bool) -> tuple[str, ...]:
        names = [
            name
            for column in self._all_columns()
            if optional or not column.optional
            for name in column.columns_read
        ]
        names += [n for n in self.text_condition_columns if optional or not self._may_lack(n)]
        if self.fill_down:
            names += (*self.order_columns, *self.fill_down.columns)
        elif self.per_order:
            names += self.order_columns
        names += [lookup.on for lookup in self.lookup]
        return tuple(dict.fromkeys(names))

    def _may_lack(self, name: str) -> bool:
        """Whether documents may lack a key: conditions only ask whether it is there."""
        rules = [conditions for rule in self.rules for conditions in (rule.when, rule.unless)]
        asked = [each[name] for each in (self.where, self.unless, *rules) if name in each]
        return self.format in ("json", "jsonl") and {*asked} <= {"missing", "present"}

    def _all_columns(self) -> Iterator[Column]:
        for columns in (self.columns, *(also.columns for also in self.also.values())):
            yield from columns.values()
        yield from (money.amount for money in self.per_order)
        if self.currency is not None:
            yield self.currency

    @model_validator(mode="after")
    def _fits_its_table(self) -> "Feed":
        _check_columns(self.table, self.columns, ("columns",))
        for name, also in self.also.items():
            if name == self.table or name not in ("customers", "products", "orders"):
                others = [n for n in ("customers", "products", "orders") if n != self.table]
                raise Mistake(
                    f"a row of {self.table} cannot also describe {name}; expected "
                    f"{listed(others)}.{nearest(name, others)}",
                    ("also", name),
                )
            _check_columns(name, also.columns, ("also", name, "columns"))
        names = {name for name in type(self).model_fields if getattr(self, name) != _default(name)}
        check_format(self.format, {name: getattr(self, name) for name in names})
        for pattern in self.files:
            is_name = 0 < len(pattern) <= _NAME_MAX and pattern.isprintable()
            if not is_name or "/" in pattern or "\\" in pattern:
                raise Mistake(
                    f"{shown(pattern)} is no pattern of file names; expected one such as "
                    "'orders-*.csv', without a folder",
                    ("files",),
                )
        self._check_words()
        for key in ("where", "unless"):
            check_conditions(getattr(self, key), self._condition_types, key, self.columns)
        for place, rule in enumerate(self.rules):
            try:
                check_rule(self.table, rule, self._condition_types, self.columns)
            except Mistake as mistake:
                raise Mistake(str(mistake), ("rules", place, *mistake.path)) from None
        return self

    @property
    def _condition_types(self) -> dict[str, tables.Column]:
        """The canonical columns that it maps; other names in conditions are the file's."""
        return {c.name: c for c in tables.CANONICAL[self.table] if c.name in self.columns}

    def _check_words(self) -> None:
        entry = tables.CANONICAL[self.table]
        if self.repeated_keys == "number" and self.table != "order_lines":
            raise Mistake(
                'repeated_keys = "number" is for order_lines; use "last"', ("repeated_keys",)
            )
        if self.guests and not any(c.name == "customer_id" and not c.required for c in entry):
            raise Mistake(f"guests does nothing: rows of {self.table} have none", ("guests",))
        for key in ("replaces", "per_order"):
            if getattr(self, key) and self.table != "order_lines":
                raise Mistake(f"{key} is for order_lines, not for {self.table}", (key,))
        if self.currency is not None and not any(c.name.endswith("_cents") for c in entry):
            raise Mistake(f"currency does nothing: {self.table} has no money", ("currency",))
        if self.currency is not None:
            check_column(self.table, _CURRENCY, self.currency, ("currency",))
        products = [money.product_id for money in self.per_order]
        if twice := next((name for name in products if products.count(name) > 1), None):
            raise Mistake(
                f"product_id = {shown(twice)} stands twice; give each a name of its own, "
                "or add the columns up with sum_of",
                ("per_order",),
            )
        for place, money in enumerate(self.per_order):
            amount = entry.column("line_amount_cents")
            check_column(self.table, amount, money.amount, ("per_order", place, "amount"))
        if self.fill_down and not self.order_columns:
            raise Mistake(
                "fill_down needs the columns that make an order: map order_id from columns of the "
                "file, or write { columns = [...], by = [...] }",
                ("fill_down",),
            )
        if self.each is not None and self.each.is_cell:
            self._check_cell(self.each)
        check_names(self.source_columns)

    def _check_cell(self, each: Each) -> None:
        """Check that columns of the form `cell.group` are groups of the cell's pattern."""
        groups = [f"{each.column}.{group}" for group in each.groups]
        for name in self.source_columns:
            if each.makes(name) and name not in groups:
                raise Mistake(
                    f"{name!r} is no group of the pattern of each; its groups are "
                    f"{listed(groups)}.{nearest(name, groups)}",
                    ("each", "pattern"),
                )


_NAME_MAX = 255  # no file system has longer names
_CURRENCY = tables.Column("currency", "text", "the currency of the row's money")


def _default(name: str) -> object:
    return Feed.model_fields[name].default


def _check_columns(table: str, columns: Columns, path: tuple[str, ...]) -> None:
    entry = tables.CANONICAL.get(table)
    if entry is None:
        raise Mistake(
            f"{shown(table)} is no table; expected {listed(tables.CANONICAL)}."
            f"{nearest(table, tables.CANONICAL)}",
            ("table",),
        )
    canonical = {column.name: column for column in entry if column.name != "occurrence"}
    for name, spec in columns.items():
        if name not in canonical:
            raise Mistake(
                f"{shown(name)} is no column of {table}; expected {listed(sorted(canonical))}."
                f"{nearest(name, canonical)}",
                (*path, name),
            )
        check_column(table, canonical[name], spec, (*path, name))
    optional = {"occurrence", "discount_cents", "kind" if table in DEFAULT_KINDS else ""}
    for column in entry:
        if column.required and column.name not in columns and column.name not in optional:
            raise Mistake(f"{table} needs the column {column.name}: {column.meaning}", path)
