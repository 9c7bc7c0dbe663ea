"""Great Expectations: hand-written suites run on exactly the rows that are asked for.

The only module that imports it. Stored rows are counted in the database, and no row and no value
leaves it. Rows in memory, not stored yet or read once for all expectations, are counted there.
"""

import json
import logging
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from retention_ml.connections import Connections
from retention_ml.errors import SettingsError
from retention_ml.quality.results import CheckResult, Severity
from retention_ml.warehouse import Warehouse

_SQL_TYPES = ("unexpected_rows", "expect_query")
_NO_ROWS = {"result_format": "BASIC", "partial_unexpected_count": 0}


def suite_names(folder: Path) -> list[str]:
    """The tables that have a suite in `folder`."""
    return sorted(path.stem for path in folder.glob("*.json"))


def load_suite(folder: Path, name: str) -> dict[str, Any]:
    """The suite `folder/name.json`.

    Raises
    ------
    SettingsError
        There is none, it is no JSON, it asks for nothing, or an expectation lacks its severity
        or reason.
    """
    path = folder / f"{name}.json"
    if not path.is_file():
        raise SettingsError(
            f"There is no suite {path.name}; known are {', '.join(suite_names(folder)) or 'none'}. "
            "RETENTION_EXPECTATIONS names the folder."
        )
    try:
        suite: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SettingsError(f"{path.name} is no valid JSON: {error}. Correct it.") from error
    if not suite.get("expectations"):
        raise SettingsError(
            f"{path.name} asks for nothing, so that anything would pass. Add its expectations."
        )
    for number, entry in enumerate(suite["expectations"], start=1):
        if entry.get("severity") not in list(Severity) or not entry.get("meta", {}).get("reason"):
            raise SettingsError(
                f"Expectation {number} of {path.name} ({entry.get('type')}) lacks a severity "
                f"({', '.join(Severity)}) or meta.reason. Add what is missing."
            )
    return suite


def run(warehouse: Warehouse, queries: Mapping[str, str], folder: Path) -> list[CheckResult]:
    """The results of several suites, in the order of their expectations.

    Parameters
    ----------
    warehouse : Warehouse
        It is asked through connections of the library's own, with the same bounds.
    queries : mapping of str to str
        Suite name to the SELECT whose rows it checks.
    folder : pathlib.Path
        Where the suites are.

    Returns
    -------
    list of CheckResult
        An expectation that could not be computed has failed.

    Raises
    ------
    WarehouseError
        The database did not answer or refused: that says nothing about the rows.
    """
    suites = {name: load_suite(folder, name) for name in queries}
    if not suites:
        return []
    failures: list[Exception] = []
    try:
        results = _run(warehouse.connections, queries, suites, failures)
    except Exception:
        if not failures:
            raise
    if failures:  # hidden in an exception of the library, or in results
        raise warehouse.connections.explain(failures[0]) from failures[0]
    return results


def _run(
    connections: Connections,
    queries: Mapping[str, str],
    suites: Mapping[str, Mapping[str, Any]],
    failures: list[Exception],
) -> list[CheckResult]:
    gx, context = _great_expectations()
    source = context.data_sources.add_postgres(
        "warehouse",
        connection_string=connections.sqlalchemy_url("jit=off"),
        create_temp_table=False,
        kwargs={"connect_args": connections.connect_arguments(failures)},
    )
    _ask_only_for_columns(source.get_execution_engine().engine, queries.values())
    results: list[CheckResult] = []
    try:
        for name, suite in suites.items():
            asset = source.add_query_asset(name=name, query=queries[name])
            batch = asset.add_batch_definition_whole_table("all").get_batch()
            results += _validate(gx, batch, name, suite)
    finally:
        source.get_engine().dispose()
        source.get_execution_engine().engine.dispose()
    return results


def _ask_only_for_columns(engine: sa.Engine, queries: Iterable[str]) -> None:
    """Keep the rows of these queries in the database.

    The library finds out the columns of a query by running it as it is, and the driver would fetch
    all of its rows for that; whatever else it runs has the query inside.
    """
    texts = {" ".join(query.split()) for query in queries}

    @sa.event.listens_for(engine, "before_cursor_execute", retval=True)
    def without_rows(
        _connection: sa.Connection, _cursor: Any, statement: str, parameters: Any, *_: Any
    ) -> tuple[str, Any]:
        if " ".join(statement.split()) in texts:
            statement = f"SELECT * FROM ({statement}) AS rows LIMIT 0"
        return statement, parameters


def run_on(rows: pa.Table, name: str, folder: Path) -> list[CheckResult]:
    """The results of one suite on rows in memory, in the order of its expectations.

    The suite sees the columns that it names. Results are those of the same rows in the database:
    nothing is known where there is null, and NaN is a number above all others.
    """
    suite = load_suite(folder, name)
    columns = named_columns(suite, rows.column_names)
    rows = _without_nan(rows.select(columns))
    gx, context = _great_expectations()
    asset = context.data_sources.add_pandas("rows").add_dataframe_asset(name=name)
    definition = asset.add_batch_definition_whole_dataframe("all")
    batch = definition.get_batch(batch_parameters={"dataframe": rows.to_pandas()})
    return _validate(gx, batch, name, suite)


def named_columns(suite: Mapping[str, Any], columns: Sequence[str]) -> list[str]:
    """Those of the columns that a suite names; the first where it names none, to count the rows."""
    text = json.dumps(suite["expectations"])
    return [column for column in columns if column in text] or list(columns[:1])


def needs_database(suite: Mapping[str, Any]) -> bool:
    """Whether an expectation of a suite is SQL, so that it cannot look at rows in memory.

    >>> needs_database({"expectations": [{"type": "unexpected_rows_expectation"}]})
    True
    """
    return any(entry["type"].startswith(_SQL_TYPES) for entry in suite["expectations"])


def _without_nan(rows: pa.Table) -> pa.Table:
    """Rows with infinity for NaN, which pandas would take for a missing value."""
    for place, name in enumerate(rows.column_names):
        column = rows[name]
        if pa.types.is_floating(column.type) and pc.any(pc.is_nan(column)).as_py():
            infinite = pc.if_else(pc.is_nan(column), pa.scalar(np.inf, column.type), column)
            rows = rows.set_column(place, name, infinite)
    return rows


def _validate(gx: Any, batch: Any, name: str, suite: Mapping[str, Any]) -> list[CheckResult]:
    numbered = [
        {**entry, "meta": {**entry["meta"], "number": number}}
        for number, entry in enumerate(suite["expectations"])
    ]
    validation = batch.validate(
        gx.ExpectationSuite(name=name, expectations=numbered), result_format=_NO_ROWS
    )
    ordered = sorted(validation.results, key=lambda r: r.expectation_config.meta["number"])
    return [_check_result(name, result) for result in ordered]


def _great_expectations() -> tuple[Any, Any]:
    """The library (3 to 5 seconds) without telemetry, warnings and log, and a silent context."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    # Before the import, which alone writes 211 lines; Airflow's own setting does not reach it.
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations as gx
        from great_expectations.data_context.types import base
    config = base.DataContextConfig(
        store_backend_defaults=base.InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        progress_bars={"globally": False, "metric_calculations": False},
    )
    return gx, gx.get_context(mode="ephemeral", project_config=config)


def _check_result(suite: str, result: Any) -> CheckResult:
    config = result.expectation_config
    meta = dict(config.meta)
    arguments = {k: v for k, v in config.kwargs.items() if k not in ("batch_id", "result_format")}
    counts = dict(result.result or {})
    element_count = counts.get("element_count")
    severity = Severity(getattr(config.severity, "value", config.severity))
    # In a small batch shares vary by chance, so a failure is only a warning. What could not be
    # computed has no element count at all; that is no small batch.
    is_small = element_count is not None and element_count < meta.get("rows_min", 0)
    if severity is Severity.CRITICAL and is_small:
        severity = Severity.WARNING
    return CheckResult(
        suite=suite,
        expectation=config.type,
        column=arguments.get("column"),
        severity=severity,
        success=bool(result.success),
        element_count=element_count,
        unexpected_count=counts.get("unexpected_count"),
        observed=_observed(counts, result.exception_info),
        reason=str(meta["reason"]),
        arguments=arguments,
    )


def _observed(counts: Mapping[str, Any], exception: Any) -> str:
    if (message := _exception(exception)) is not None:
        return f"it could not be computed ({message})"
    if "unexpected_count" in counts:
        return f"{counts['unexpected_count'] or 0:,} of {counts['element_count']:,} rows differ"
    value = counts.get("observed_value")
    return f"found {value:,.6g}" if isinstance(value, int | float) else f"found {value}"


def _exception(info: Any) -> str | None:
    """The first line of what was raised; the record is nested where a metric failed."""
    entries = [info] if "raised_exception" in info else list(info.values())
    messages = [str(e.get("exception_message")) for e in entries if e.get("raised_exception")]
    return messages[0].strip().splitlines()[0][:200] if messages else None
