"""The service over HTTP: paths, statuses, limits. What is answered is in `service`."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import FastAPI, Header, Path, Query, Request, Response
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.concurrency import run_in_threadpool

from retention_ml import __version__
from retention_ml.live.api.refusals import Refusal
from retention_ml.live.api.service import Service
from retention_ml.metrics.exposition import CONTENT_TYPE

_Customer = Annotated[
    str, Path(max_length=64, description="The shop's customer number, or the pseudonym.")
]
_Name = Annotated[str, Query(pattern=r"^[a-z0-9_]{1,60}$")]
_Bearer = Annotated[str | None, Header(description="Bearer and a token.")]


def make_app(service: Service) -> FastAPI:
    """The application around a service; its description is at `/docs`."""
    app = FastAPI(
        title="Retention",
        version=__version__,
        description="Events as they happen, and what is known of a customer now (docs/live.md).",
    )

    @app.exception_handler(Refusal)
    async def refuse(_: Request, refusal: Refusal) -> Response:
        return JSONResponse(refusal.to_dict(), refusal.status, dict(refusal.headers))

    @app.middleware("http")
    async def count(
        request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        response = await call_next(request)
        route = request.scope.get("route")
        service.counts.add_request(getattr(route, "path", "other"), response.status_code)
        return response

    @app.post("/v1/events", status_code=HTTPStatus.ACCEPTED)
    async def events(
        request: Request, source: _Name, feed: _Name, authorization: _Bearer = None
    ) -> dict[str, Any]:
        """Take in a batch of events as JSON lines; they are durable when this answers 202."""
        await run_in_threadpool(service.may_write, authorization, source)
        body = await _body(request, service.body_bytes_max)
        return await run_in_threadpool(service.take_events, authorization, source, feed, body)

    @app.get("/v1/customers/{customer}/risk")
    def risk(customer: _Customer, authorization: _Bearer = None) -> Response:
        """The customer's risk now: the fresh score if there is one, else the published."""
        return JSONResponse(jsonable_encoder(service.risk(authorization, customer)))

    @app.get("/v1/customers/{customer}/recommendations")
    def recommendations(customer: _Customer, authorization: _Bearer = None) -> Response:
        """The customer's published lists of products; best sellers for who has none."""
        return JSONResponse(jsonable_encoder(service.recommendations(authorization, customer)))

    @app.get("/health")
    def health() -> dict[str, Any]:
        """Whether events are taken in, and how old what waits is."""
        return service.health()

    @app.get("/metrics")
    def metrics() -> Response:
        """Figures for Prometheus."""
        return PlainTextResponse(service.figures(), media_type=CONTENT_TYPE)

    return app


async def _body(request: Request, bytes_max: int) -> bytes:
    """The body of a request; what is longer than allowed is not read.

    Raises
    ------
    Refusal
        413: it is too long. 415: it is packed.
    """
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Refusal(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "packed_body",
            "The body is packed; expected is JSON lines as they are.",
        )
    too_large = Refusal(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "body_too_large",
        f"The body has more than {bytes_max:,} bytes (body_kilobytes_max of [live]). Nothing was "
        "taken; send the events in several requests.",
        {"Connection": "close"},
    )
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > bytes_max:
        raise too_large
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > bytes_max:
            raise too_large
    return bytes(body)
