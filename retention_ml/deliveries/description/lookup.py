"""Reference files, or another feed's rows, joined to the rows of a feed."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from retention_ml.deliveries.description.checks.formats import check_format
from retention_ml.deliveries.description.mistakes import Mistake
from retention_ml.deliveries.description.section import Encoding, Section


class Lookup(Section):
    """A small reference file that comes with the delivered one, or the rows of another feed.

    Joined where `on`, a column of the rows or one that an earlier lookup brought, is equal to
    `key` of the reference, which is named like `on` unless it says otherwise.
    """

    file: str | None = None
    feed: str | None = None
    on: str
    key: str | None = None
    format: Literal["csv", "parquet", "jsonl", "json", "xlsx"] = "parquet"
    encoding: Encoding = "utf-8"
    delimiter: str = Field(",", min_length=1, max_length=1)

    @property
    def key_column(self) -> str:
        """The column of the reference that `on` is looked up in."""
        return self.key or self.on

    @model_validator(mode="after")
    def _one_origin(self) -> "Lookup":
        self._require_one("a lookup has", "file", "feed")
        keys = {
            key: getattr(self, key)
            for key in ("format", "encoding", "delimiter")
            if getattr(self, key) != type(self).model_fields[key].default
        }
        if self.feed and keys:
            key = next(iter(keys))
            raise Mistake(f"{key} does nothing: the feed {self.feed} has its own", (key,))
        check_format(self.format, keys)
        return self


def _as_tuple(value: Any) -> Any:
    return (value,) if isinstance(value, dict | Lookup) else value


Lookups = Annotated[tuple[Lookup, ...], BeforeValidator(_as_tuple)]
