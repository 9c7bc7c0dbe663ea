"""Who may ask for what, and how often."""

import time
from collections.abc import Callable
from http import HTTPStatus

from retention_ml import clock
from retention_ml.errors import WarehouseError
from retention_ml.live import tokens
from retention_ml.live.api.rate_limits import RateLimits
from retention_ml.live.api.refusals import Refusal, too_many, unauthorized, unavailable
from retention_ml.live.tokens import READ, WRITE, Token
from retention_ml.settings.services import Live
from retention_ml.warehouse import Warehouse

_CACHED_SECONDS = 10.0  # so long a revoked token may still be good for something
_CACHED_MAX = 1_000


class Access:
    """Tokens as they were lately, and what each has asked for.

    While the warehouse does not answer, tokens that were good before stay so until they expire.

    Parameters
    ----------
    warehouse : Warehouse
    live : Live
        The settings of the service.
    monotonic : callable
        Seconds that never run backwards.
    """

    def __init__(
        self, warehouse: Warehouse, live: Live, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._warehouse = warehouse
        self._monotonic = monotonic
        self._looked_up: dict[bytes, tuple[Token, float]] = {}
        self._limits = {
            WRITE: RateLimits(per_second=live.events_per_second),
            READ: RateLimits(per_second=live.reads_per_second),
        }

    def allow(self, authorization: str | None, scope: str, *, source: str | None = None) -> Token:
        """The token of a request if it may do that.

        Raises
        ------
        Refusal
            401: no token, an unknown, expired or revoked one. 403: it is good for something else.
            503: it cannot be looked up.
        """
        kind, _, secret = (authorization or "").partition(" ")
        if kind.lower() != "bearer" or not secret.strip():
            raise unauthorized(
                "no_token", "The request has no token. Send `Authorization: Bearer <token>`."
            )
        token = self._find(tokens.digest(secret.strip()))
        if token is None:
            raise unauthorized(
                "unknown_token",
                "The token is not one of this platform. Make one with `retention tokens add`.",
            )
        if not token.is_good(clock.now()):
            raise unauthorized(
                "expired_token",
                "The token has expired or was revoked. Make a new one with `retention tokens add`.",
            )
        if scope not in token.scopes:
            raise Refusal(
                HTTPStatus.FORBIDDEN,
                "wrong_scope",
                f"The token is good for {', '.join(sorted(token.scopes))}; this needs {scope}.",
            )
        if source is not None and token.source not in (None, source):
            raise Refusal(
                HTTPStatus.FORBIDDEN,
                "wrong_source",
                f"The token sends events of the source {token.source!r} alone. Use the token of "
                "the other source.",
            )
        return token

    def charge(self, token: Token, scope: str, count: int) -> None:
        """Note that a token asks for so many.

        Raises
        ------
        Refusal
            429: too many; it says when to ask again.
        """
        if seconds := self._limits[scope].take(token.name, count, at=self._monotonic()):
            raise too_many(seconds)

    def _find(self, sha256: bytes) -> Token | None:
        now = self._monotonic()
        cached = self._looked_up.get(sha256)
        if cached is not None and now - cached[1] < _CACHED_SECONDS:
            return cached[0]
        try:
            token = tokens.find_token(self._warehouse, sha256)
        except WarehouseError as error:
            if cached is not None:
                return cached[0]
            raise unavailable(
                "The warehouse does not answer, so the token cannot be looked up. Nothing was "
                "taken; send the same again."
            ) from error
        if token is None:
            self._looked_up.pop(sha256, None)
            return None
        if len(self._looked_up) >= _CACHED_MAX:
            self._looked_up.clear()
        self._looked_up[sha256] = (token, now)
        return token
