"""Answers that say no: a status, a closed code, and a sentence for whoever reads the caller's log."""

from collections.abc import Mapping
from http import HTTPStatus


class Refusal(Exception):
    """Ends a request; nothing of it was taken.

    Parameters
    ----------
    status : http.HTTPStatus
    code : str
        One of a closed set, for programs.
    sentence : str
        What is wrong, what was expected, what to do.
    headers : mapping of str to str, optional
    """

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        sentence: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(sentence)
        self.status, self.code, self.sentence = status, code, sentence
        self.headers = dict(headers or {})

    def to_dict(self) -> dict[str, str]:
        """The body of the answer."""
        return {"error": self.code, "message": self.sentence}


def unauthorized(code: str, sentence: str) -> Refusal:
    """401: who asks is not known, or not any more."""
    return Refusal(
        HTTPStatus.UNAUTHORIZED, code, sentence, {"WWW-Authenticate": 'Bearer realm="retention"'}
    )


def too_many(seconds: int) -> Refusal:
    """429: ask again in so many seconds."""
    return Refusal(
        HTTPStatus.TOO_MANY_REQUESTS,
        "rate_limit",
        f"The token asks for more than it may (events_per_second and reads_per_second of [live]). "
        f"Nothing was taken; send the same again in {seconds} s.",
        {"Retry-After": str(seconds)},
    )


def unavailable(sentence: str) -> Refusal:
    """503: the database does not answer."""
    return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", sentence, {"Retry-After": "5"})
