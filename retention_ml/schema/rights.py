"""The matrix of rights: which role may do what with which tables. What it does not name is forbidden.

A schema stands for all tables and views in it; a table of its own line counts instead of its schema.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Verb(StrEnum):
    """A right to a table or view, as Postgres calls it."""

    SELECT = "SELECT"
    INSERT = "INSERT"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    TRUNCATE = "TRUNCATE"
    MAINTAIN = "MAINTAIN"
    REFERENCES = "REFERENCES"
    TRIGGER = "TRIGGER"


Verbs = frozenset[Verb]
Cells = Mapping[str, Verbs]

READS: Verbs = frozenset({Verb.SELECT})
ADDS: Verbs = frozenset({Verb.INSERT})
EXTENDS: Verbs = READS | ADDS
WRITES: Verbs = EXTENDS | {Verb.UPDATE, Verb.DELETE, Verb.TRUNCATE, Verb.MAINTAIN}
NOTHING: Verbs = frozenset()
EVERYTHING: Verbs = frozenset(Verb)

MIGRATOR = "retention_migrator"
LOADER, TRAINER, SCORER, AUDITOR = SERVICES = (
    "retention_loader",
    "retention_trainer",
    "retention_scorer",
    "retention_auditor",
)
PUBLIC = "retention_public"
MANAGED = (*SERVICES, PUBLIC)
"""Roles whose rights are made to be those of the matrix whenever the schema is brought up to date."""

SCHEMAS = (
    "public", "raw", "staging", "quarantine", "quality", "privacy", "curated", "feedback", "features",
    "abnormal", "models", "scores", "profiles", "recommendations", "experiments", "actions",
    "outcomes", "reports", "ops", "audit", "live",
)  # fmt: skip
# What every step keeps of itself: it adds a receipt, and changes none.
_STEPS: Cells = {"public.migrations": READS, "ops.receipts": EXTENDS}

TABLES: Mapping[str, Cells] = MappingProxyType(
    {
        # Members of whoever owns the tables.
        MIGRATOR: dict.fromkeys(SCHEMAS, EVERYTHING),
        # 10: files become rows.
        LOADER: {
            **_STEPS,
            **dict.fromkeys(("raw", "staging", "quarantine", "quality", "curated"), WRITES),
            "privacy.keyrings": EXTENDS,
            "privacy.people": EXTENDS,
            "privacy.tombstones": READS,
            "privacy.erased_files": EXTENDS | {Verb.UPDATE},
        },
        # 30: rows become models. Days of the past are built for it.
        TRAINER: {
            **_STEPS,
            **dict.fromkeys(
                (
                    "raw",
                    "curated",
                    "feedback",
                    "abnormal",
                    "scores",
                    "profiles",
                    "experiments",
                    "actions",
                    "outcomes",
                ),
                READS,
            ),
            **dict.fromkeys(("features", "models"), WRITES),
            "privacy.holds": READS,
            "ops.fences": EXTENDS | {Verb.UPDATE},
        },
        # 20, 40, 50, 60: features, scores, profiles and lists of a day, and that readers see them.
        SCORER: {
            **_STEPS,
            **dict.fromkeys(
                ("raw", "curated", "models", "experiments", "actions", "outcomes", "reports"), READS
            ),
            **dict.fromkeys(
                ("feedback", "features", "abnormal", "scores", "profiles", "recommendations"),
                WRITES,
            ),
            "quality": WRITES,
            "models.labels": WRITES,
            "models.label_windows": WRITES,
            "privacy.consents": READS,
            "privacy.holds": READS,
            "ops.fences": EXTENDS | {Verb.UPDATE},
        },
        # Who did what, and nothing of any customer.
        AUDITOR: {
            **_STEPS,
            "audit": READS,
            "ops": READS,
            "ops.receipts": EXTENDS,
            "privacy.keyrings": READS,
        },
        "retention_bi": {"reports": READS},
        "retention_ds": dict.fromkeys(("features", "models", "scores", "outcomes"), READS),
        "retention_crm": {"privacy.contact_list": READS},
        # For whoever shows figures to anybody: counts with noise, and no exact view beside them.
        PUBLIC: {"reports.public_risk_tiers": READS, "reports.public_cohorts": READS},
        # Columns of `reports` that hold no text from outside: `assistant_rights`.
        "retention_assistant": {"reports": READS},
    }
)
_LOG = frozenset({"audit.last_entry", "audit.append"})
_LOOKUPS = frozenset({"privacy.ring_id", "privacy.customer_of"})
FUNCTIONS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        LOADER: _LOG | {"privacy.ring_id"},
        TRAINER: _LOG | {"privacy.ring_id"},
        SCORER: _LOG | _LOOKUPS,
        AUDITOR: _LOG | _LOOKUPS,
        "retention_assistant": _LOOKUPS | {"ops.record_assistant_call"},
    }
)
"""Functions that a role may call."""


def verbs_of(role: str, relation: str) -> Verbs:
    """What a role may do with a table or view, such as `raw.batches`.

    Examples
    --------
    >>> sorted(verbs_of(AUDITOR, "ops.receipts"))
    [<Verb.INSERT: 'INSERT'>, <Verb.SELECT: 'SELECT'>]
    >>> verbs_of("retention_bi", "raw.batches")
    frozenset()
    """
    cells = TABLES[role]
    return cells.get(relation, cells.get(relation.partition(".")[0], NOTHING))


def schemas_of(role: str) -> set[str]:
    """The schemas that a role may look into, because it may do something there."""
    names = {*TABLES[role], *FUNCTIONS.get(role, ())}
    return {name.partition(".")[0] for name in names}
