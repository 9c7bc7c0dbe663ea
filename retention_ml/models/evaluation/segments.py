"""Customer segments in which models are evaluated: by purchases, tenure, value and country."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.statistics.arrays import Bools, Ints

FEATURES = ("is_one_time_buyer", "tenure_days", "revenue_cents_365d")
COUNTRIES_MAX = 10
_DECILE, _COUNTRY = "value_decile_", "country_"
_THIRDS = {
    "tenure_days": ("newest_third", "middle_third", "loyal_third"),
    "revenue_cents_365d": ("value_low", "value_middle", "value_high"),
}
_LABELS = {
    "bought_once": "bought on one day",
    "bought_more": "bought on more days",
    "newest_third": "newest third of customers",
    "middle_third": "middle third by tenure",
    "loyal_third": "oldest third",
    "value_low": "lowest third by revenue of a year",
    "value_middle": "middle third by revenue",
    "value_high": "highest third by revenue",
}


def segments(features: pa.Table) -> dict[str, Bools]:
    """Rows by segment: bought on one day or more, thirds by tenure and value of each day.

    Parameters
    ----------
    features : pa.Table, n rows
        `as_of` and `FEATURES`; thirds are those of each day.

    Returns
    -------
    dict of str to array of bool, shape (n,)
        By code, such as bought_once; `label` gives it in words.
    """
    one_time = features["is_one_time_buyer"].fill_null(0).to_numpy() == 1
    masks: dict[str, Bools] = {"bought_once": one_time, "bought_more": ~one_time}
    for feature, names in _THIRDS.items():
        third = _part_of_day(features, feature, len(names))
        masks |= {name: third == number for number, name in enumerate(names)}
    return masks


def labelled_segments(features: pa.Table) -> dict[str, Bools]:
    """Those of `segments`, by their `label`."""
    return {label(code): mask for code, mask in segments(features).items()}


def finer_segments(features: pa.Table, countries: pa.Array | None = None) -> dict[str, Bools]:
    """Those of `segments`, tenths by revenue of each day, and the largest countries.

    Parameters
    ----------
    countries : pa.Array of string, shape (n,), optional
        Country of each row's customer, null where it is not known.
    """
    masks = segments(features)
    tenth = _part_of_day(features, "revenue_cents_365d", 10)
    masks |= {f"{_DECILE}{number + 1:02d}": tenth == number for number in range(10)}
    if countries is None:
        return masks
    counts = countries.drop_null().value_counts().to_pylist()
    largest = sorted(counts, key=lambda country: (-country["counts"], country["values"]))
    for country in largest[:COUNTRIES_MAX]:
        inside = pc.equal(countries, country["values"]).fill_null(False)
        masks[f"{_COUNTRY}{country['values']}"] = inside.to_numpy(zero_copy_only=False)
    return masks


def label(code: str) -> str:
    """A segment in words.

    Examples
    --------
    >>> label("bought_once"), label("value_decile_10"), label("country_France")
    ('bought on one day', 'tenth 10 of 10 by revenue', 'country France')
    """
    if code.startswith(_DECILE):
        return f"tenth {int(code.removeprefix(_DECILE))} of 10 by revenue"
    if code.startswith(_COUNTRY):
        return f"country {code.removeprefix(_COUNTRY)}"
    return _LABELS.get(code, code)


def _part_of_day(features: pa.Table, name: str, count: int) -> Ints:
    """Which of `count` parts of equal size of its day a row is in, 0 the lowest, shape (n,)."""
    column = features[name].cast(pa.float64()).fill_null(0).to_numpy()
    values, days = np.nan_to_num(column, nan=0.0), features["as_of"].to_numpy()
    part = np.zeros(len(values), dtype=np.int64)
    for day in np.unique(days):
        rows = np.flatnonzero(days == day)
        bounds = np.quantile(values[rows], np.arange(1, count) / count)
        part[rows] = np.searchsorted(bounds, values[rows], side="left")
    return part
