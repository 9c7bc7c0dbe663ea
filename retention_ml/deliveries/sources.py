"""Source descriptions: what `sources/<name>.toml` may say, and which feed a file belongs to.

A new ordinary shop is one such file and no code; docs/sources.md explains every key.
"""

import hashlib
import tomllib
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from retention_ml import tables
from retention_ml.deliveries import mapping
from retention_ml.errors import FileRefused, SettingsError, UnknownSource

Encoding = Literal["utf-8", "cp1252", "iso-8859-1", "iso-8859-15", "iso-8859-2", "cp1250", "ascii"]

DEFAULT_KINDS = {"order_lines": mapping.LineKind.SALE, "orders": mapping.OrderKind.PURCHASE}


class Feed(mapping.Section):
    """One kind of file and the table its rows become."""

    files: tuple[str, ...] = Field(min_length=1)
    table: str
    required: bool | None = None
    format: mapping.Format = "csv"
    encoding: Encoding = "utf-8"
    delimiter: str = Field(",", min_length=1, max_length=1)
    decimal: Literal[".", ","] = "."
    header: tuple[str, ...] = ()
    positions: dict[str, tuple[int, int]] = {}
    skip_lines: int = Field(0, ge=0, le=100)
    guests: bool = False
    repeated_keys: Literal["number", "last"] | None = None
    columns: mapping.Columns
    rules: tuple[mapping.Rule, ...] = ()
    also: dict[str, mapping.Also] = {}
    lookup: mapping.Lookup | None = None

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
    def required_columns(self) -> tuple[str, ...]:
        """The columns the files must have, except those that the lookup brings."""
        return self._columns_read(optional=False)

    @property
    def source_columns(self) -> tuple[str, ...]:
        """The columns that are read from a file if it has them."""
        return self._columns_read(optional=True)

    def _columns_read(self, *, optional: bool) -> tuple[str, ...]:
        maps = [self.columns, *(also.columns for also in self.also.values())]
        names = [
            name
            for columns in maps
            for column in columns.values()
            if optional or not column.optional
            for name in column.source_columns
        ]
        canonical = {column.name for column in tables.CANONICAL[self.table]}
        names += [name for rule in self.rules for name in rule.when if name not in canonical]
        if self.lookup:
            names.append(self.lookup.on)
        return tuple(dict.fromkeys(names))

    @model_validator(mode="after")
    def _fits_its_table(self) -> "Feed":
        _check_columns(self.table, self.columns)
        entry = tables.CANONICAL[self.table]
        for name, also in self.also.items():
            _check_columns(name, also.columns)
            if name == self.table or name not in ("customers", "products", "orders"):
                raise ValueError(f"a row of {self.table} cannot also describe {name}")
        canonical = {column.name: column for column in entry}
        for rule in self.rules:
            if rule.kind is not None and rule.kind not in tables.CLOSED_SETS.get(
                (self.table, "kind"), ()
            ):
                raise ValueError(f"{rule.kind!r} is no kind of {self.table}")
            for name in rule.set:
                if name not in canonical or canonical[name].type != "int64":
                    raise ValueError(f"`set` can only change numbers of {self.table}, not {name!r}")
            for name, condition in rule.when.items():
                is_number = name in canonical and canonical[name].type != "text"
                mapping.parse_condition(name, condition, is_number=is_number)
        if self.repeated_keys == "number" and self.table != "order_lines":
            raise ValueError('repeated_keys = "number" is for order_lines; use "last"')
        if (self.format == "fixed_width") != bool(self.positions):
            raise ValueError("positions belong to format = 'fixed_width', and that needs them")
        return self


class Source(mapping.Section):
    """One source of deliveries."""

    name: str
    title: str
    timezone: mapping.TimeZone
    currency: str = Field(min_length=3, max_length=3)
    minor_units: int = Field(100, ge=1, le=10_000)
    available_after_hours: float = Field(0, ge=0, le=24 * 365)
    licence: str = ""
    feeds: dict[str, Feed] = Field(min_length=1)

    @field_validator("feeds")
    @classmethod
    def _feed_names(cls, value: dict[str, Feed]) -> dict[str, Feed]:
        for name in value:
            if not mapping.CODE.fullmatch(name):
                raise ValueError(f"{name!r} is no feed name: lower case letters, digits and _")
        return value

    @cached_property
    def mapping_sha256(self) -> str:
        """SHA-256 of the description, stored with every delivery read by it."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    @property
    def has_orders(self) -> bool:
        """Whether a feed delivers orders themselves; otherwise they follow from their lines."""
        return any(feed.table == "orders" or "orders" in feed.also for feed in self.feeds.values())

    def is_required(self, feed: str) -> bool:
        """Whether a day must not go on without the feed; reference files are in no feed."""
        return feed in self.feeds and self.feeds[feed].is_required

    def declared_reasons(self) -> dict[str, str]:
        """The reason codes of the rules, each with its `because`."""
        return {
            rule.quarantine: rule.because
            for feed in self.feeds.values()
            for rule in feed.rules
            if rule.quarantine
        }

    def match(self, file: Path) -> str:
        """The name of the feed a file belongs to, by its file name; the first that fits.

        Raises
        ------
        FileRefused
            No feed expects a file of that name.
        """
        for name, feed in self.feeds.items():
            if any(fnmatchcase(file.name, pattern) for pattern in feed.files):
                return name
        expected = "; ".join(f"{n}: {', '.join(f.files)}" for n, f in self.feeds.items())
        raise FileRefused(
            f"{file.name} belongs to no feed of {self.name} (expected {expected}). "
            f"Rename the file, or add its pattern to sources/{self.name}.toml.",
            "no_feed",
        )


def source_names(folder: Path) -> list[str]:
    """The names of the descriptions in a folder."""
    return sorted(path.stem for path in folder.glob("*.toml"))


def load_source(folder: Path, name: str) -> Source:
    """The description `folder/name.toml`.

    Raises
    ------
    UnknownSource
        There is none of that name.
    SettingsError
        It is not valid TOML or not a valid description.
    """
    if name not in source_names(folder):
        raise UnknownSource(
            f"There is no source {name!r}; known are {', '.join(source_names(folder)) or 'none'}. "
            f"Add {folder.name}/{name}.toml (docs/sources.md shows how)."
        )
    path = folder / f"{name}.toml"
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{path.name} is no valid TOML: {error}. Correct the line named."
        ) from error
    try:
        return Source(name=name, **values)
    except TypeError as error:
        raise SettingsError(f"{path.name} sets `name`, which is the file's own name.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the description"
        raise SettingsError(
            f"{where} in {path.name}: {first['msg']}. See docs/sources.md."
        ) from error


def _check_columns(table: str, columns: mapping.Columns) -> None:
    entry = tables.CANONICAL.get(table)
    if entry is None:
        raise ValueError(f"{table!r} is no table; known are {', '.join(tables.CANONICAL)}")
    names = {column.name for column in entry} - {"occurrence"}
    for name in columns:
        if name not in names:
            raise ValueError(
                f"{name!r} is no column of {table}; known are {', '.join(sorted(names))}"
            )
    optional = {"occurrence", "discount_cents", "kind" if table in DEFAULT_KINDS else ""}
    for column in entry:
        if column.required and column.name not in columns and column.name not in optional:
            raise ValueError(f"{table} needs the column {column.name}: {column.meaning}")
