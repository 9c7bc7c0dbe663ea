"""Any experiment as a file: one row per customer, a treatment, an outcome, and features."""

import gzip
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from retention_ml.deliveries.readers.chunks import list_names
from retention_ml.errors import UsageError
from retention_ml.models.uplift import columns
from retention_ml.models.uplift.sample import UpliftSample
from retention_ml.statistics.arrays import Bools, Floats

ROWS_MIN = 100
_ARM_MIN = 20
_MISSING = ("", "NA", "N/A", "NaN", "nan", "NULL", "null", "None")
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """An experiment read from a file.

    Parameters
    ----------
    sample : UpliftSample
        Every row is a customer of their own. Rows stand in the order of their values, so that the
        order of lines in the file changes no figure.
    remarks : tuple of str
        What was decided in reading it: which value counts as treated, columns and rows left out.
    """

    sample: UpliftSample
    remarks: tuple[str, ...]


def read_experiment(
    path: Path,
    *,
    treatment: str,
    outcome: str,
    propensity: str | None = None,
    treated: str | None = None,
) -> Experiment:
    """The experiment in a delimited text file, plain or gzip.

    Parameters
    ----------
    treatment, outcome : str
        Names of columns. All others but the propensity are features.
    propensity : str, optional
        A column, or a number above 0 and below 1: the probability of the treatment when it was
        drawn. Without it the observed share, as if every row had had the same.
    treated : str, optional
        The value of `treatment` that means treated, where it cannot be seen.

    Raises
    ------
    UsageError
        The file or a column cannot be used; the message says which and what was expected.
    """
    table = _read(path)
    names = table.column_names
    if treatment == outcome:
        raise UsageError(
            f"--treatment and --outcome both name {treatment!r}; expected two columns of "
            f"{path.name}."
        )
    for option, name in (("--treatment", treatment), ("--outcome", outcome)):
        if name not in names:
            raise UsageError(
                f"{path.name} has no column {name!r} ({option}); its columns are "
                f"{list_names(names)}."
            )
    arms, remark = columns.treatment(table[treatment], treatment, treated)
    outcomes, remark_on_outcome = columns.outcome(table[outcome], outcome)
    usable = ~np.isnan(arms) & ~np.isnan(outcomes)
    remarks = [remark, *filter(None, [remark_on_outcome])]
    if not usable.all():
        remarks.append(
            f"{(~usable).sum():,} of {len(usable):,} rows have no {treatment} or no {outcome} and "
            "are left out."
        )
    is_treated = arms[usable] == 1
    _require_rows(is_treated, outcomes[usable], treatment, outcome, path.name)
    probability = _propensity(table, propensity, usable, is_treated, (treatment, outcome), path)
    if propensity is None:
        remarks.append(
            f"No propensity is given: every row counts as treated with the observed share, "
            f"{is_treated.mean():.4f}."
        )
    others = [name for name in names if name not in (treatment, outcome, propensity)]
    features, values, remark_on_features = columns.features(
        {name: table[name].filter(pa.array(usable)) for name in others}
    )
    if not features:
        raise UsageError(
            f"{path.name} has no feature that differs between customers besides {treatment!r} and "
            f"{outcome!r}; expected one at least, to tell customers apart by."
        )
    sample = UpliftSample(
        features=features,
        values=values,
        treated=is_treated,
        outcome=outcomes[usable],
        propensity=probability,
        groups=np.arange(len(is_treated)),
    )
    return Experiment(sample=sample, remarks=(*remarks, *remark_on_features))


def _read(path: Path) -> pa.Table:
    """All columns as text, null where missing, rows ordered by their values."""
    try:
        with path.open("rb") as file:
            beginning = file.read(2)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read ({error.strerror}). Expected a delimited text file with a "
            "header, plain or gzip."
        ) from None
    compression = "gzip" if beginning == _GZIP else "none"
    sql = (
        "SELECT * FROM read_csv(?, all_varchar = true, header = true, sample_size = -1, "
        "nullstr = ?, compression = ?) ORDER BY ALL"
    )
    try:
        if compression == "gzip":
            with gzip.open(path) as file:
                file.read(1)
        with duckdb.connect() as connection:
            connection.execute("SET threads = 1")
            connection.execute("SET enable_progress_bar = false")
            rows = connection.sql(sql, params=[str(path), list(_MISSING), compression])
            return rows.to_arrow_table()
    except (duckdb.Error, OSError, EOFError) as error:
        first = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
        raise UsageError(
            f"{path.name} cannot be read as a delimited text file ({first}). Expected a header "
            "with column names and one row per customer, plain or gzip."
        ) from None


def _require_rows(
    treated: Bools, outcome: Floats, treatment_name: str, outcome_name: str, name: str
) -> None:
    count = int(treated.sum())
    smallest = min(count, len(treated) - count)
    if len(treated) < ROWS_MIN or smallest < _ARM_MIN:
        raise UsageError(
            f"{name} has {count:,} treated and {len(treated) - count:,} other rows with "
            f"{treatment_name!r} and {outcome_name!r}; expected {ROWS_MIN} rows, at least "
            f"{_ARM_MIN} in either arm."
        )
    if outcome.min() == outcome.max():
        raise UsageError(
            f"The outcome {outcome_name!r} is {outcome[0]:g} in every row of {name}; expected a "
            "column that differs, such as 0 and 1 or an amount."
        )


def _propensity(
    table: pa.Table,
    propensity: str | None,
    usable: Bools,
    treated: Bools,
    others: tuple[str, str],
    path: Path,
) -> Floats:
    if propensity is None:
        return np.full(len(treated), float(treated.mean()))
    if propensity in others:
        raise UsageError(
            f"--propensity names {propensity!r}, which is the treatment or the outcome; expected "
            "the column with the probability of the treatment, or a number."
        )
    if propensity in table.column_names:
        values = columns.numbers(table[propensity])
        values = np.full(len(usable), np.nan)[usable] if values is None else values[usable]
        what = f"The propensity {propensity!r} of {path.name}"
    else:
        try:
            values = np.full(len(treated), float(propensity))
        except ValueError:
            raise UsageError(
                f"--propensity {propensity!r} is neither a column of {path.name} nor a number; "
                f"its columns are {list_names(table.column_names)}."
            ) from None
        what = f"--propensity {propensity}"
    outside = ~((values > 0) & (values < 1))
    if outside.any():
        raise UsageError(
            f"{what} is not above 0 and below 1 in {outside.sum():,} of {len(values):,} rows. Who "
            "was sure to be treated, or sure not to be, tells nothing of the effect: leave such "
            "rows out."
        )
    return values
