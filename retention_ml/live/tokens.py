"""Tokens of programs: made once, stored as a digest, good for some scopes until they expire."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from retention_ml import clock
from retention_ml.errors import UsageError
from retention_ml.warehouse import Warehouse

WRITE, READ = "events:write", "scores:read"
SCOPES = (WRITE, READ)
_PREFIX = "rtn_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What is stored of a token; `source` None: events of any source."""

    token_id: int
    name: str
    scopes: frozenset[str]
    source: str | None
    expires_at: datetime
    revoked_at: datetime | None

    def is_good(self, at: datetime) -> bool:
        """Whether it was neither revoked nor expired at a moment."""
        return at < self.expires_at and (self.revoked_at is None or at < self.revoked_at)


def digest(secret: str) -> bytes:
    """What is stored of a token: it is random, so its plain digest tells nothing."""
    return hashlib.sha256(secret.encode()).digest()


def make_token(
    warehouse: Warehouse, *, name: str, scopes: Sequence[str], source: str | None, days: int
) -> str:
    """A new token, which is shown this once.

    Raises
    ------
    UsageError
        There is one of that name, or the scopes are none.
    """
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        raise UsageError(
            f"A token's scopes are {', '.join(unknown) or 'none'}; expected one or more of "
            f"{', '.join(SCOPES)}."
        )
    secret = _PREFIX + secrets.token_urlsafe(32)
    now = clock.now()
    with warehouse.transaction() as transaction:
        made = transaction.execute(
            "INSERT INTO live.tokens (name, token_sha256, scopes, source, made_at, expires_at) "
            "VALUES (:name, :sha256, :scopes, :source, :now, :until) ON CONFLICT (name) DO NOTHING "
            "RETURNING token_id",
            name=name,
            sha256=digest(secret),
            scopes=sorted(set(scopes)),
            source=source,
            now=now,
            until=now + timedelta(days=days),
        )
    if not made:
        raise UsageError(
            f"There is a token of the name {name!r} already; expected a new name such as "
            f"{name}-2. Give the program the new token first, then revoke the old one."
        )
    return secret


def revoke_token(warehouse: Warehouse, name: str) -> None:
    """Make a token good for nothing from now on; one that is revoked stays so.

    Raises
    ------
    UsageError
        There is none of that name.
    """
    with warehouse.transaction() as transaction:
        changed = transaction.change(
            "UPDATE live.tokens SET revoked_at = coalesce(revoked_at, :now) WHERE name = :name",
            name=name,
            now=clock.now(),
        )
    if not changed:
        raise UsageError(f"There is no token of the name {name!r}; `retention tokens list`.")


def find_token(warehouse: Warehouse, sha256: bytes) -> Token | None:
    """The token with that digest, whether or not it is still good."""
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT token_id, name, scopes, source, expires_at, revoked_at FROM live.tokens "
            "WHERE token_sha256 = :sha256",
            sha256=sha256,
        )
    if not rows:
        return None
    row = rows[0]
    return Token(**{**row._mapping, "scopes": frozenset(row.scopes)})


def list_tokens(warehouse: Warehouse) -> list[dict[str, Any]]:
    """All tokens, by name, without what could be used."""
    rows = warehouse.read(
        "SELECT name, array_to_string(scopes, ' ') AS scopes, source, made_at, expires_at, revoked_at "
        "FROM live.tokens ORDER BY name"
    )
    return list(rows.to_pylist())
