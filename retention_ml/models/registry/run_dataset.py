"""What a run used: rows of features on certain days, as MLflow's page names them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

_DIGEST_LENGTH_MAX = 36  # of MLflow's field


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDataset:
    """Data of a run; the rows themselves stay in the warehouse.

    Parameters
    ----------
    name : str
        Such as `customer_daily.training`.
    digest : str
        Of the data, in hexadecimal digits: equal data have equal ones.
    context : {"training", "evaluation"}
        What the run did with it.
    source : mapping of str to str
        Where the rows are: table, days, churn definition.
    features : sequence of str
        Columns of floats.
    profile : mapping
        Figures of the data, such as its rows and churn rate.
    """

    name: str
    digest: str
    context: Literal["training", "evaluation"]
    source: Mapping[str, str]
    features: Sequence[str] = ()
    profile: Mapping[str, Any] = field(default_factory=dict)

    @property
    def short_digest(self) -> str:
        """As much of the digest as MLflow's field holds."""
        return self.digest[:_DIGEST_LENGTH_MAX]

    @property
    def columns(self) -> list[dict[str, Any]]:
        """The features as MLflow describes columns."""
        return [{"type": "double", "name": name, "required": True} for name in self.features]
