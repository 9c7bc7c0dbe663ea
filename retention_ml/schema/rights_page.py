"""The page of rights, `docs/rights.md`, made from the matrix."""

from retention_ml.schema.rights import (
    ADDS,
    EVERYTHING,
    EXTENDS,
    FUNCTIONS,
    NOTHING,
    READS,
    SCHEMAS,
    TABLES,
    WRITES,
    Verb,
    Verbs,
    verbs_of,
)

_WORDS = {
    NOTHING: "–",
    READS: "reads",
    ADDS: "adds",
    EXTENDS: "reads, adds",
    EXTENDS | {Verb.UPDATE}: "reads, adds, changes",
    WRITES: "writes",
    EVERYTHING: "everything",
}
_HEAD = """# Rights

Who may do what with which tables, written by `python -m tests.schema.write_rights_page` from [`retention_ml/schema/rights.py`](../retention_ml/schema/rights.py); a test asks the database for every role, table and right, and tries what is forbidden. What is not named is forbidden. A line of a schema stands for all tables and views in it, a line of a table counts instead of its schema's. *Reads* is SELECT, *adds* INSERT, *changes* UPDATE; *writes* is all of them, DELETE, TRUNCATE and keeping statistics.

How to use the roles: [people's data](privacy.md#roles).
"""


def rights_page() -> str:
    """The page as Markdown."""
    roles = list(TABLES)
    named = {name for cells in TABLES.values() for name in cells}
    rows = [
        name
        for schema in SCHEMAS
        for name in [schema, *sorted(each for each in named if each.startswith(f"{schema}."))]
        if name in named
    ]
    lines = [
        _HEAD,
        "| | " + " | ".join(f"`{role.removeprefix('retention_')}`" for role in roles) + " |",
        "|---" * (len(roles) + 1) + "|",
        *(
            f"| `{name}` | " + " | ".join(_word(verbs_of(role, name)) for role in roles) + " |"
            for name in rows
        ),
        "",
        "## Functions",
        "They do one thing with a table that the role itself may not touch.",
        "",
        "| | may be called by |",
        "|---|---|",
        *(f"| `{name}` | {_callers(name)} |" for name in sorted(set().union(*FUNCTIONS.values()))),
        "",
    ]
    return "\n".join(lines)


def _word(verbs: Verbs) -> str:
    return _WORDS[verbs]


def _callers(function: str) -> str:
    roles = [role for role, functions in FUNCTIONS.items() if function in functions]
    return ", ".join(f"`{role.removeprefix('retention_')}`" for role in roles)
