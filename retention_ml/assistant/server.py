"""The Model Context Protocol: tools and resources by their names, answers and refusals.

The only module that imports `mcp`, which an extra installs.
"""

import logging
import re
from collections.abc import Callable
from datetime import date
from functools import wraps
from time import perf_counter
from typing import Annotated, Any, ParamSpec

import anyio
from mcp.server import MCPServer
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.resources import TextResource
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, ToolAnnotations
from pydantic import Field

from retention_ml.assistant import audit
from retention_ml.assistant.answers import Answer
from retention_ml.assistant.assistant import Assistant
from retention_ml.assistant.definitions import INSTRUCTIONS, METRIC_DEFINITIONS, churn_definition
from retention_ml.assistant.loopback import HOST, with_token
from retention_ml.assistant.questions import Evidence, ListName, Ranking, Tier
from retention_ml.errors import RetentionError, frames_of

logger = logging.getLogger(__name__)

Arguments = ParamSpec("Arguments")
CustomerId = Annotated[
    str, Field(min_length=1, max_length=200, description="The shop's customer number.")
]
CHURN, METRICS = "retention://definitions/churn", "retention://definitions/metrics"
TOOLS = (
    "list_tables", "customer", "most_at_risk", "why", "tier_history", "model_performance",
    "recommendations", "cohort_retention", "query",
)  # fmt: skip
_READ_ONLY = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)
# How pydantic writes a field that does not fit, and the value, which is left out.
_WRONG_ARGUMENT = re.compile(r"^([a-z_.]+)\n  (.+?) \[type=", re.MULTILINE)
_DEFECT = (
    "The question could not be answered, for a reason that is not its own. The log of the server "
    "says where it failed."
)


def build(assistant: Assistant) -> MCPServer[Any]:
    """The server for one assistant: nine tools, two resources, every call in the ledger."""
    server: MCPServer[Any] = MCPServer(
        "retention",
        title="Retention ML",
        instructions=INSTRUCTIONS,
        log_level="ERROR",
        subscriptions=False,
        middleware=[_Ledger(assistant)],
    )
    _add_tools(server, assistant)
    for uri, name, text in (
        (CHURN, "churn", churn_definition(assistant.settings)),
        (METRICS, "metrics", METRIC_DEFINITIONS),
    ):
        server.add_resource(TextResource(uri=uri, name=name, text=text, mime_type="text/markdown"))
    return server


def serve(assistant: Assistant, *, token: str | None = None, port: int = 0) -> None:
    """Answer until the client goes away; over loopback HTTP where there is a token.

    Parameters
    ----------
    assistant : Assistant
    token : str, optional
        What a client must show; without it standard input and output are used.
    port : int
        Of 127.0.0.1.
    """
    for name in ("mcp", "sqlglot"):  # they quote what was sent
        logging.getLogger(name).setLevel(logging.CRITICAL)
    server = build(assistant)
    if token is None:
        server.run("stdio")
        return
    import uvicorn

    app = server.streamable_http_app(host=HOST, json_response=True, stateless_http=True)
    uvicorn.run(with_token(app, token), host=HOST, port=port, log_level="warning", access_log=False)


def _add_tools(server: MCPServer[Any], assistant: Assistant) -> None:
    tool = _tool_decorator(server)

    @tool("Tables and columns")
    def list_tables(
        table: Annotated[str | None, Field(description="A view, for its columns.")] = None,
    ) -> Answer:
        """Every view of `reports` with what one row of it is; of one view each column with its
        type, unit and meaning. Ask before `query`."""
        return assistant.list_tables(table)

    @tool("One customer")
    def customer(customer_id: CustomerId) -> Answer:
        """All about one customer, one row by part: profile (stage, RFM, orders), risk (tier,
        probability, reasons), value, next_action, offer, abnormal. No contact data exists here."""
        return assistant.customer(customer_id)

    @tool("Customers most at risk")
    def most_at_risk(
        limit: Annotated[int, Field(ge=1, le=200)] = 20,
        tier: Annotated[Tier | None, Field(description="Only of this tier.")] = None,
        by: Annotated[Ranking, Field(description="What they are ranked by.")] = (
            "expected_value_at_risk"
        ),
    ) -> Answer:
        """The scored customers of the newest published day with the most at stake, or the highest
        churn probability, with tier, value at risk and reasons."""
        return assistant.most_at_risk(limit, tier, by)

    @tool("Why a customer is at risk")
    def why(customer_id: CustomerId) -> Answer:
        """Probability, tier and up to three reasons in words of one customer, beside the mean
        probability of all scored customers."""
        return assistant.why(customer_id)

    @tool("Tiers of a customer over time")
    def tier_history(
        customer_id: CustomerId,
        days: Annotated[int, Field(ge=1, le=3_650, description="Back from the newest day.")] = 365,
    ) -> Answer:
        """Tier, probability and first reason of one customer on every published day, newest
        first."""
        return assistant.tier_history(customer_id, days)

    @tool("How good the model is")
    def model_performance(
        evidence: Annotated[
            Evidence,
            Field(
                description="outcomes: published scores against what followed; offline: training."
            ),
        ] = "outcomes",
        metric: Annotated[
            str | None, Field(max_length=60, description=f"One metric of {METRICS}.")
        ] = None,
    ) -> Answer:
        """Metrics with 95 % intervals, newest days first: of published scores whose outcomes are
        known, or of candidates at their training."""
        return assistant.model_performance(evidence, metric)

    @tool("Products for a customer")
    def recommendations(
        customer_id: CustomerId,
        list_name: Annotated[
            ListName | None, Field(description="again: bought before; new: never; mixed: both.")
        ] = None,
    ) -> Answer:
        """The products on the newest lists of one customer with probability and reason."""
        return assistant.recommendations(customer_id, list_name)

    @tool("Retention of cohorts")
    def cohort_retention(
        by_month: Annotated[bool, Field(description="Apart by month of the first order.")] = False,
        first_month: Annotated[date | None, Field(description="From this cohort on.")] = None,
    ) -> Answer:
        """How many customers order again, by period since their first order: four kinds of
        retention, each defined in retention://definitions/metrics."""
        return assistant.cohort_retention(by_month, first_month)

    @tool("A SELECT of your own")
    def query(
        sql: Annotated[str, Field(description="One SELECT in the language of Postgres.")],
    ) -> Answer:
        """The rows of one SELECT over the views of `reports`: joins, aggregates, windows, WITH.
        Rows, time and functions are limited; a refusal says what to write instead."""
        return assistant.query(sql)


def _tool_decorator(
    server: MCPServer[Any],
) -> Callable[[str], Callable[[Callable[Arguments, Answer]], Callable[Arguments, Answer]]]:
    """Adds a function as a read-only tool; what it raises becomes a sentence."""

    def titled(title: str) -> Callable[[Callable[Arguments, Answer]], Callable[Arguments, Answer]]:
        def add(ask: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
            @wraps(ask)
            def tool(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
                try:
                    return ask(*args, **kwargs)
                except RetentionError as error:
                    raise ToolError(str(error)) from None
                except Exception as error:
                    logger.error("%s failed:\n%s", ask.__name__, frames_of(error))
                    raise ToolError(_DEFECT) from None

            description = " ".join((ask.__doc__ or "").split())
            server.add_tool(tool, title=title, description=description, annotations=_READ_ONLY)
            return tool

        return add

    return titled


class _Ledger:
    """Records every call of a tool and reading of a resource; without its row none is answered."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant

    async def __call__(
        self, ctx: ServerRequestContext[Any, Any], call_next: CallNext
    ) -> HandlerResult:
        if ctx.method not in ("tools/call", "resources/read"):
            return await call_next(ctx)
        started = perf_counter()
        result: HandlerResult = None
        try:
            result = await call_next(ctx)
        finally:
            await self._record(ctx, result, perf_counter() - started)
        return _in_plain_words(result, _name(ctx))

    async def _record(
        self, context: ServerRequestContext[Any, Any], result: HandlerResult, seconds: float
    ) -> None:
        parts: dict[str, Any] = result if isinstance(result, dict) else {}
        answer = parts.get("structuredContent") or {}
        parameters = context.session.client_params
        client = parameters.client_info if parameters else None
        call = audit.Call(
            process_id=self._assistant.process_id,
            transport=self._assistant.transport,
            client=f"{client.name} {client.version}" if client else None,
            request=_name(context),
            is_answered=bool(parts) and not parts.get("isError"),
            views=answer.get("views", ()),
            rows_count=answer.get("rows_count", 0),
            is_cut=answer.get("is_cut", False),
            as_of=answer.get("as_of"),
            snapshot_id=answer.get("snapshot_id"),
            seconds=seconds,
        )
        try:
            await anyio.to_thread.run_sync(audit.record, self._assistant.warehouse, call)
        except RetentionError as error:
            raise MCPError(INTERNAL_ERROR, str(error)) from None


def _name(context: ServerRequestContext[Any, Any]) -> str:
    """The tool or resource, if there is one of that name: another may hold anything."""
    name = str((context.params or {}).get("name" if context.method == "tools/call" else "uri"))
    return name if name in (*TOOLS, CHURN, METRICS) else "unknown"


def _in_plain_words(result: HandlerResult, tool: str) -> HandlerResult:
    """A refusal as its sentence alone: without what the library puts around it."""
    if not isinstance(result, dict) or not result.get("isError"):
        return result
    text = str(result["content"][0]["text"]).removeprefix(f"Error executing tool {tool}: ")
    if fields := _WRONG_ARGUMENT.findall(text):
        wrong = "; ".join(f"{name}: {what[:1].lower()}{what[1:]}" for name, what in fields)
        text = (
            f"The arguments of {tool} do not fit. {wrong}. The schema of the tool says what fits."
        )
    elif tool == "unknown":
        text = f"There is no such tool; expected is one of {', '.join(TOOLS)}."
    return {**result, "content": [{"type": "text", "text": text}]}
