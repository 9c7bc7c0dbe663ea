"""Maximum likelihood of a few positive parameters; it never fails."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from retention_ml.errors import UnfitModel
from retention_ml.statistics.arrays import Floats

WEAK_PRIOR = 1.0
# Beyond e^8 times the prior mean, a parameter says "none of that" or "all alike": the likelihood
# is flat there.
_REACH = 8.0
# The least curvature by logarithms of parameters: below, some mixture of them is known to within
# a factor of e^2 (one standard error) at best.
_CURVATURE_MIN = 0.25


def maximize(
    log_likelihood: Callable[[Floats], tuple[float, Floats]],
    *,
    count: float,
    prior_mean: Sequence[float],
    starts: Sequence[Sequence[float]],
) -> tuple[Floats, bool]:
    """The parameters of highest likelihood, sought from every start.

    Where the likelihood rises without end or is flat (all customers bought once, say), the
    parameters of highest likelihood × prior: the logarithms are normal around those of
    `prior_mean`, each with variance 1 / `WEAK_PRIOR`.

    Parameters
    ----------
    log_likelihood : callable
        Of parameters, shape (k,): the sum over customers, and its gradient, shape (k,).
    count : float
        Customers in the sum.
    prior_mean : sequence of float, length k
        Ordinary values, in the units of the rows.
    starts : sequence of sequences
        Parameters to start from.

    Returns
    -------
    parameters : array of float64, shape (k,)
        All positive.
    has_weak_prior : bool
        The rows alone did not determine every parameter: a weak prior drew them to its mean.
    """
    centre = np.log(np.asarray(prior_mean, dtype=np.float64))
    if count > 0:
        best = _highest(log_likelihood, count, centre, np.log(starts), 0.0)
        inside = bool((np.abs(best - centre) < _REACH - 0.01).all())
        if inside and _least_curvature(log_likelihood, best) > _CURVATURE_MIN:
            return np.exp(best), False
    best = _highest(log_likelihood, max(count, 1.0), centre, [centre], WEAK_PRIOR)
    return np.exp(best), True


def read_parameters(
    content: Mapping[str, Any], model: str, names: Sequence[str], flags: Sequence[str]
) -> dict[str, Any]:
    """The positive, finite parameters and the flags of a model, from JSON.

    Raises
    ------
    UnfitModel
        One is missing or makes no sense.
    """
    try:
        values = {name: float(content[name]) for name in names}
        wrong = [name for name in names if not 0 < values[name] < np.inf]
        wrong += [flag for flag in flags if not isinstance(content[flag], bool)]
        fault = f"{wrong[0]} is {content[wrong[0]]!r:.40}" if wrong else ""
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        fault = f"{type(error).__name__} at {str(error)[:80]}"
    if fault:
        raise UnfitModel(
            f"The parameters of the {model} cannot be used ({fault}): expected "
            f"{', '.join(names)} positive and finite, {', '.join(flags)} true or false. Train anew."
        )
    return {**values, **{flag: content[flag] for flag in flags}}


def _highest(
    log_likelihood: Callable[[Floats], tuple[float, Floats]],
    count: float,
    centre: Floats,
    starts: Sequence[Floats] | Floats,
    prior: float,
) -> Floats:
    """Logarithms of the best parameters within reach of the prior mean."""
    # Half a second to import, and only fits need it: predictors are loaded without.
    from scipy.optimize import minimize

    def loss(at: Floats) -> tuple[float, Floats]:
        parameters, away = np.exp(at), at - centre
        total, gradient = log_likelihood(parameters)
        penalised = total - prior / 2 * float(away @ away)
        return -penalised / count, -(gradient * parameters - prior * away) / count

    bounds = [(middle - _REACH, middle + _REACH) for middle in centre]
    options = {"ftol": 1e-13, "gtol": 1e-8, "maxiter": 500, "maxcor": 20}
    # One thread: the matrices are tiny, and threads that wait for work cost more than it.
    with threadpool_limits(limits=1, user_api="blas"):
        results = [
            minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
            for start in starts
        ]
    best = min(results, key=lambda result: float(result.fun))
    return np.asarray(best.x, dtype=np.float64)


def _least_curvature(
    log_likelihood: Callable[[Floats], tuple[float, Floats]], at: Floats, step: float = 1e-4
) -> float:
    """The smallest eigenvalue of minus the Hessian by the logarithms of the parameters."""

    def gradient(place: Floats) -> Floats:
        parameters = np.exp(place)
        return log_likelihood(parameters)[1] * parameters

    moves = step * np.eye(len(at))
    hessian = np.array([gradient(at + move) - gradient(at - move) for move in moves]) / (2 * step)
    return float(np.linalg.eigvalsh(-(hessian + hessian.T) / 2)[0])
