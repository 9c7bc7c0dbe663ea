"""The ridge logistic regression and the forest against scikit-learn 1.9."""

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from retention_ml.models.predictors.linear import ridge_logistic
from retention_ml.models.training.candidates import random_forest
from retention_ml.models.training.fitting import FitContext
from retention_ml.statistics.metrics import score
from tests.worlds import samples


def test_coefficients_equal_those_of_scikit_learn() -> None:
    draw = np.random.default_rng(1)
    design = draw.normal(size=(600, 5))
    outcome = (draw.random(600) < 1 / (1 + np.exp(-design[:, 0] + 0.5))).astype(float)
    weights = draw.integers(1, 4, 600).astype(float)
    beta, intercept = ridge_logistic(design, outcome, weights, penalty=4.0)
    other = LogisticRegression(C=1 / 4.0, tol=1e-10, solver="newton-cholesky")
    other.fit(design, outcome, sample_weight=weights)
    np.testing.assert_allclose(beta, other.coef_[0], atol=1e-5)
    np.testing.assert_allclose(intercept, other.intercept_[0], atol=1e-5)


def test_the_forest_ranks_as_well_as_that_of_scikit_learn() -> None:
    rows, new = samples.rows(3_000, seed=1), samples.rows(3_000, seed=2)
    forest = random_forest.fit(rows, FitContext(seed=1, threads=2)).predict_proba(new.values)
    other = RandomForestClassifier(
        120, max_leaf_nodes=32, min_samples_leaf=20, max_features=0.4, n_jobs=2, random_state=1
    ).fit(rows.values, rows.churned)
    reference = other.predict_proba(new.values)[:, 1]
    auc = [float(score(each, new.churned)["roc_auc"][0]) for each in (forest, reference)]
    assert auc[0] > auc[1] - 0.01
