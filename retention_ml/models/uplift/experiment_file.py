"""Any experiment as a file: one row per customer, a treatment, an outcome, and features."""

import glob
import gzip
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.deliveries.readers.chunks import list_names
from retention_ml.errors import UsageError
from retention_ml.models.uplift import columns
from retention_ml.models.uplift.sample import UpliftSample
from retention_ml.statistics.arrays import Bools, Floats

ROWS_MIN = 100
_ARM_MIN = 20
_PROPENSITY_MIN = 1e-6
_OUTCOME_MAX = 1e15  # squares of more are no numbers any more
_INFINITE = [sign + word for sign in ("", "+", "-") for word in ("inf", "Inf", "Infinity")]
_MISSING = (
    *("", "NA", "N/A", "#N/A", "NaN", "nan", "NULL", "null", "None", "-", "?"),
    *_INFINITE,
)
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"
_NO_TEXT = {
    b"PAR1": "a parquet file",
    b"PK\x03\x04": "a workbook or a zip file",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
}
_CHUNK_BYTES = 1 << 16
_READER = "read_csv(?, all_varchar = true, header = {}, sample_size = -1, compression = ?)"


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
            "No propensity is given: every customer is taken to have been contacted with "
            f"probability {is_treated.mean():.2f}, the share observed."
        )
    others = [name for name in names if name not in (treatment, outcome, propensity)]
    features, values, remark_on_features = columns.features(
        {name: table[name].filter(pa.array(usable)) for name in others}
    )
    if not features:
        raise UsageError(
            f"{path.name} has no feature that differs between customers besides {treatment!r} and "
            f"{outcome!r}; expected one at least, to tell customers apart by. "
            + " ".join(remark_on_features)
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
    """All columns as text without blanks around it, null where missing, rows in a fixed order."""
    try:
        with path.open("rb") as file:
            beginning = file.read(4)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read ({error.strerror}). Expected a delimited text file with a "
            "header, plain or gzip."
        ) from None
    for signature, kind in _NO_TEXT.items():
        if beginning.startswith(signature):
            raise UsageError(f"{path.name} is {kind}. Save it as delimited text in UTF-8 (CSV).")
    compression = "gzip" if beginning.startswith(_GZIP) else "none"
    try:
        with gzip.open(path) if compression == "gzip" else path.open("rb") as file:
            is_empty = _is_empty(file)
        if is_empty:
            raise UsageError(f"{path.name} is empty; expected a header and one row per customer.")
        with duckdb.connect() as connection:
            connection.execute("SET threads = 1")
            connection.execute("SET enable_progress_bar = false")
            # The reader takes a path for a pattern: [1] would name another file.
            params = [glob.escape(str(path)), compression]
            first = connection.sql(f"FROM {_READER.format(False)} LIMIT 1", params=params)
            header = first.fetchall()
            rows = connection.sql(f"FROM {_READER.format(True)} ORDER BY ALL", params=params)
            table = rows.to_arrow_table()
    except (duckdb.Error, OSError, EOFError) as error:
        raise UsageError(
            f"{path.name} cannot be read as a delimited text file ({_cause(error)}). Expected a "
            "header with column names and one row per customer, plain or gzip."
        ) from None
    # The reader would give the second of two equal names another one, and it would be a feature.
    names = [str(name).casefold() for row in header for name in row if name is not None]
    if not set(names) <= {name.casefold() for name in table.column_names}:
        raise UsageError(
            f"{path.name} has lines above its header, or rows that do not all have the columns of "
            "it. Expected the names of the columns in the first line, and one row per customer."
        )
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise UsageError(
            f"{path.name} has more than one column {list_names(twice)}, capitals aside. Leave the "
            "others out, or name them differently."
        )
    if table.num_columns == 1:
        raise UsageError(
            f"{path.name} has one column, {list_names(table.column_names)}, or its rows do not all "
            "have the columns of its header. Expected a treatment, an outcome and features."
        )
    if not table.num_rows:
        raise UsageError(
            f"{path.name} has a header and no rows, or a row with more columns than its header; "
            "expected one row per customer."
        )
    return pa.table({name: _trimmed(table[name]) for name in table.column_names})


def _is_empty(file: gzip.GzipFile | BufferedReader) -> bool:
    """Whether there is nothing but blanks, read as far as needed."""
    text = file.read(_CHUNK_BYTES).removeprefix(_BYTE_ORDER_MARK)
    while not text.strip():
        if not (text := file.read(_CHUNK_BYTES)):
            return True
    return False


def _cause(error: Exception) -> str:
    text = str(error)
    if "not utf-8" in text:
        return "it is not UTF-8: save it as such"
    if "sniffing" in text:
        return "its rows do not all have the columns of its header, or quotes are left open"
    return text.splitlines()[0][:160] if text else type(error).__name__


def _trimmed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    texts = pc.utf8_trim_whitespace(column)
    return pc.if_else(pc.is_in(texts, value_set=pa.array(_MISSING)), None, texts)


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
    if np.abs(outcome).max() > _OUTCOME_MAX:
        raise UsageError(
            f"The outcome {outcome_name!r} of {name} goes up to {np.abs(outcome).max():.3g}; expected "
            f"amounts of at most {_OUTCOME_MAX:g}. Write it in a larger unit, or correct the rows."
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
        values, _ = columns.numbers(table[propensity])
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
    nearest = np.minimum(values, 1 - values)
    if (nearest < _PROPENSITY_MIN).any():
        raise UsageError(
            f"{what} is nearer to 0 or 1 than {_PROPENSITY_MIN:f} in "
            f"{(nearest < _PROPENSITY_MIN).sum():,} of {len(values):,} rows: one of them could stand "
            "for more than a million customers. Leave such rows out."
        )
    return values
