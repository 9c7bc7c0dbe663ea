"""Noise for counts: the discrete Laplace mechanism of OpenDP.

The only module that imports OpenDP. Sampling and the proof of what a draw reveals are OpenDP's; no
floating-point noise is made here, and nobody can name a seed.

References
----------
Ghosh, Roughgarden, Sundararajan (2009): Universally utility-maximizing privacy mechanisms (the
geometric mechanism). Mironov (2012): On significance of the least significant bits for differential
privacy (why noise of floating-point numbers reveals what it should hide).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from retention_ml.errors import UsageError

_MISSED_SHARE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Mechanism:
    """Adds noise to counts, each time anew.

    Parameters
    ----------
    epsilon : float
        How much more probable any result may become by one customer: the factor is at most
        exp(epsilon).
    scale : float
        Of the noise, in customers.
    draw : callable
        Counts with fresh noise, whole numbers, perhaps negative; shape as given.
    """

    epsilon: float
    scale: float
    draw: Callable[[Sequence[int]], list[int]]


def laplace(epsilon: float, *, customer_cells_max: int) -> Mechanism:
    """The mechanism under which a vector of counts costs at most `epsilon`.

    Parameters
    ----------
    epsilon : float
        Above 0.
    customer_cells_max : int
        How much one customer, there or not, changes in all counts together (the L1 sensitivity).

    Raises
    ------
    UsageError
        OpenDP is not installed.
    ValueError
        OpenDP does not confirm that noise of this scale costs no more than `epsilon`.
    """
    if find_spec("opendp") is None:
        raise UsageError(
            "Public aggregates need OpenDP, which is not installed. Install the extra `aggregates` of "
            "this project (`uv pip install --require-hashes -r requirements-aggregates.txt`), or set "
            "public_aggregates = false under [privacy] in retention.toml."
        )
    from opendp.domains import atom_domain, vector_domain
    from opendp.measurements import make_laplace
    from opendp.metrics import l1_distance
    from opendp.mod import enable_features

    enable_features("contrib")  # what OpenDP calls proofs that nobody has vetted a second time
    space = vector_domain(atom_domain(T="i64")), l1_distance(T="i64")
    # The division may have rounded down by the last bit, and the bound would be missed by it.
    scale = math.nextafter(customer_cells_max / epsilon, math.inf)
    measurement = make_laplace(*space, scale=scale)
    cost = measurement.map(customer_cells_max)
    if not cost <= epsilon:
        raise ValueError(f"OpenDP says that noise of scale {scale:g} costs {cost}, not {epsilon}.")
    return Mechanism(
        epsilon=epsilon, scale=scale, draw=lambda counts: list(measurement(list(counts)))
    )


def half_width(scale: float) -> int:
    """By how many customers at most a count is off, in 95 of 100 draws.

    The noise k has the probability (1 - q) / (1 + q) * q^|k| with q = exp(-1 / scale), so more than m
    has 2 q^(m + 1) / (1 + q).

    Examples
    --------
    >>> half_width(5.0), half_width(2.0), half_width(1.0)
    (15, 6, 3)
    """
    q = math.exp(-1 / scale)
    return max(0, math.ceil(math.log(_MISSED_SHARE * (1 + q) / 2) / math.log(q)) - 1)


def suppress(counts: Sequence[int], cell_min: int) -> list[int | None]:
    """The counts that may be published; None for those below `cell_min`.

    Looks at the noised counts alone, so it costs no budget and reveals nothing more.

    Examples
    --------
    >>> suppress([12, 9, -3], 10)
    [12, None, None]
    """
    return [count if count >= cell_min else None for count in counts]
