"""The register of personal columns: where a person lies in the warehouse, and in which form.

A test compares it with the database, and looks for planted numbers in every column that is not in it.
"""

from dataclasses import dataclass
from enum import StrEnum

from retention_ml import tables


class Kind(StrEnum):
    """What a column tells of a person.

    `ID`: what the warehouse knows a customer by, a pseudonym unless it holds numbers.
    `DERIVED_KEY`: a digest of it. `NUMBER`: the shop's own number, in clear or sealed.
    `FREE_TEXT`, `ADDRESS`: what persons or the shop wrote. `RAW`: a row as it was delivered.
    `FILE_NAME`: the name that the shop gave a file.
    """

    ID = "id"
    DERIVED_KEY = "derived key"
    NUMBER = "number"
    FREE_TEXT = "free text"
    ADDRESS = "address"
    RAW = "raw text"
    FILE_NAME = "file name"


@dataclass(frozen=True, slots=True)
class PersonalColumn:
    """A column of a table, such as `curated.orders`, that tells of persons."""

    table: str
    column: str
    kind: Kind


def _canonical() -> list[PersonalColumn]:
    """Those of the canonical tables, which `staging` and `curated` both have."""
    columns = []
    for schema in ("staging", "curated"):
        for name, entry in tables.CANONICAL.items():
            if "customer_id" in {column.name for column in entry}:
                columns.append(PersonalColumn(f"{schema}.{name}", "customer_id", Kind.ID))
                columns.append(PersonalColumn(f"{schema}.{name}", "row_key", Kind.DERIVED_KEY))
                columns.append(PersonalColumn(f"{schema}.{name}", "content_hash", Kind.DERIVED_KEY))
        columns += [
            PersonalColumn(f"{schema}.feedback", "comment", Kind.FREE_TEXT),
            PersonalColumn(f"{schema}.events", "detail", Kind.FREE_TEXT),
            PersonalColumn(f"{schema}.contact_permissions", "address", Kind.ADDRESS),
        ]
    return columns


# Tables behind ingestion with a customer in a row.
_BY_CUSTOMER = (
    "features.customer_daily", "features.customer_day", "features.customer_product_day",
    "features.customer_sampled",
    "abnormal.customer_daily", "abnormal.decisions",
    "models.labels", "models.evaluation_predictions",
    "scores.customer_daily", "scores.exclusions", "scores.leading_customers",
    "scores.tier_transitions", "scores.fresh", "live.warnings", "live.carts", "live.last_orders",
    "profiles.customer_daily", "profiles.customer_value",
    "recommendations.customer_daily",
    "actions.assignments", "actions.outbox",
)  # fmt: skip

PERSONAL_COLUMNS: tuple[PersonalColumn, ...] = (
    *_canonical(),
    *(PersonalColumn(name, "customer_id", Kind.ID) for name in _BY_CUSTOMER),
    PersonalColumn("actions.coupons", "given_to", Kind.ID),
    PersonalColumn("actions.outbox", "message_id", Kind.DERIVED_KEY),
    PersonalColumn("actions.attempts", "message_id", Kind.DERIVED_KEY),
    PersonalColumn("actions.coupons", "message_id", Kind.DERIVED_KEY),
    PersonalColumn("actions.outbox", "address", Kind.ADDRESS),
    PersonalColumn("actions.outbox", "payload", Kind.FREE_TEXT),
    PersonalColumn("feedback.messages", "row_key", Kind.DERIVED_KEY),
    PersonalColumn("staging.rejects", "raw_text", Kind.RAW),
    PersonalColumn("staging.rejects", "raw_bytes", Kind.RAW),
    PersonalColumn("staging.rejects", "detail", Kind.RAW),
    PersonalColumn("quarantine.rows", "raw_text", Kind.RAW),
    PersonalColumn("quarantine.rows", "raw_bytes", Kind.RAW),
    PersonalColumn("quarantine.rows", "detail", Kind.RAW),
    PersonalColumn("raw.deliveries", "file_name", Kind.FILE_NAME),
    PersonalColumn("raw.deliveries", "reason", Kind.FILE_NAME),
    PersonalColumn("raw.batches", "reason", Kind.FILE_NAME),
    PersonalColumn("ops.receipts", "details", Kind.FILE_NAME),
    PersonalColumn("live.events", "key_digest", Kind.DERIVED_KEY),
    PersonalColumn("live.events", "record_digest", Kind.DERIVED_KEY),
    PersonalColumn("live.events", "record_sealed", Kind.RAW),
    PersonalColumn("live.batches", "reason", Kind.FILE_NAME),
    PersonalColumn("privacy.people", "customer_id", Kind.ID),
    PersonalColumn("privacy.people", "lookup", Kind.NUMBER),
    PersonalColumn("privacy.people", "number_sealed", Kind.NUMBER),
    PersonalColumn("privacy.consents", "customer_id", Kind.ID),
    PersonalColumn("privacy.holds", "customer_id", Kind.ID),
    PersonalColumn("privacy.contact_list", "customer_number", Kind.NUMBER),
)


def columns_of(kind: Kind) -> list[PersonalColumn]:
    """The columns of one kind."""
    return [column for column in PERSONAL_COLUMNS if column.kind is kind]
