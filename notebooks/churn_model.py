# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     name: python3
# ---

# %% [markdown]
# # From the champion to a better model
#
# Load the model that serves, explain it, try an idea on days after those it learnt from, compare it
# with every candidate of the newest training, and promote it by an alias.
#
# Needs a shop with a training: `make demo`, or your own after `retention train`. Run it in that
# shop's folder, or with `RETENTION_HOME`. The file is text: open it in Jupyter with jupytext, in an
# editor that knows `# %%` cells, or run it with `python notebooks/churn_model.py`.

# %%
import os
import warnings

import mlflow
import numpy as np
import pandas as pd

from retention_ml.features.store import read
from retention_ml.models.evaluation.figures.intervals import metric_intervals
from retention_ml.models.evaluation.side_by_side import table
from retention_ml.models.promotion.apply import load_served_model
from retention_ml.models.registry.mlflow_registry import MODEL, Registry
from retention_ml.models.training import ledger
from retention_ml.models.training.candidates import BASELINE, logistic
from retention_ml.models.training.fit_candidate import bundle_of, tags_of, training_sample
from retention_ml.models.training.fitting import FitContext
from retention_ml.models.training.preparation import load_prepared
from retention_ml.models.training.runs import flat
from retention_ml.settings import load
from retention_ml.stack import address
from retention_ml.statistics.metrics import evaluate

warnings.filterwarnings("ignore", module="mlflow")
settings = address.complete(load())
warehouse = address.warehouse(settings)
registry = Registry(settings)

# %% [markdown]
# ## Load
# Any environment that has MLflow and the version's own requirements can do this. It needs neither
# this project nor its database: only the features, as floats.

# %%
mlflow.set_tracking_uri(registry.uri)
champion = mlflow.pyfunc.load_model("models:/churn@champion")
names = champion.metadata.get_input_schema().input_names()

newest = warehouse.read(
    "SELECT training_id, as_of FROM models.trainings WHERE status = 'selected' "
    "ORDER BY finished_at DESC LIMIT 1"
).to_pylist()[0]
rows = read(warehouse, [newest["as_of"]])
features = rows.to_pandas().set_index("customer_id")[names].astype(float)
probability = pd.Series(champion.predict(features), index=features.index, name="churn_probability")
print(f"{len(probability):,} active customers on {newest['as_of']}:")
print(probability.describe().round(3).to_string())

# %% [markdown]
# ## Explain
# Contributions are exact: with the base they add up to the log-odds of each prediction.

# %%
served = load_served_model(registry, warehouse, "champion")
assert served is not None
contributions, base = served.bundle.contributions(rows)
by_customer = pd.DataFrame(contributions, index=features.index, columns=served.bundle.features)
log_odds = np.log(probability / (1 - probability))
np.testing.assert_allclose(by_customer.sum(axis=1) + base, log_odds, atol=1e-9)

print(f"What drives version {served.version}, {served.name} (mean absolute log-odds):")
print(by_customer.abs().mean().nlargest(8).round(3).to_string())
print("\nThe customer most at risk (log-odds):")
strongest = by_customer.loc[probability.idxmax()].abs().nlargest(5).index
print(by_customer.loc[probability.idxmax(), strongest].round(3).to_string())

# %% [markdown]
# ## Try an idea
# Is a regression on recency and the customer's own rhythm nearly as good? It learns from the training days only and
# predicts the evaluation days, whose outcomes came later, as every candidate did.

# %%
IDEA = (
    "recency_days",
    "recency_over_gap_median_ratio",
    "gap_median_days",
    "orders_count_90d",
    "revenue_cents_90d",
    "tenure_days",
)
training = ledger.training(warehouse, newest["training_id"])
training_set = load_prepared(warehouse, settings, training)
sample = training_sample(settings, training, training_set)
idea = logistic.fit(sample.only(IDEA), FitContext.of(settings.training, settings.compute.threads))
bundle = bundle_of(settings, training, "idea", idea, training.plan.training, sample)
predicted = bundle.predict(training_set.table(training.plan.evaluation))

# %% [markdown]
# ## Compare
# The same customers, the same resamples of them: the paired difference shows what a look at two
# intervals hides.

# %%
candidates = ledger.fits(warehouse, training.training_id)
predictions = ledger.predictions(warehouse, training, candidates, training_set)
predictions = training_set.predictions(
    training.plan.evaluation, {**predictions.models, "idea": predicted}
)
evaluation = evaluate(
    predictions, draws=settings.training.bootstrap_draws, seed=settings.training.seed
)
differences = {
    name: evaluation.difference(name, BASELINE, "roc_auc")
    for name in evaluation.values
    if name != BASELINE
}
print(table(evaluation.values, differences))
best = training.selected_model or BASELINE
print(f"\nidea minus {best}, ROC AUC:", evaluation.difference("idea", best, "roc_auc"))

# %% [markdown]
# ## Log
# As a run beside the candidates, with a model that anybody can register by *Register model* on the
# run's page.

# %%
run_id = registry.log_candidate(
    training_id=training.training_id,
    model_name="idea",
    params=idea.params,
    metrics=flat(evaluation.values["idea"]),
    texts={},
    figures={"plots/intervals.png": metric_intervals(evaluation.values)},
    tags=tags_of(settings, training, bundle, "idea"),
    description=f"A regression on {', '.join(IDEA)}.\n\n{table(evaluation.values, differences)}",
    door="notebook",
)
model_id = registry.log_model(bundle, run_id=run_id, name=MODEL, has_metrics=True)
print("Run", run_id, "holds model", model_id)

# %% [markdown]
# ## Promote
# Registering and moving an alias is all it takes, here or in MLflow's page. The next scoring checks
# the version and follows, or keeps the last good one and says on the version why.
# With `PROMOTE=challenger` in the environment the idea goes on trial against the champion.

# %%
if alias := os.environ.get("PROMOTE"):
    version = mlflow.register_model(f"models:/{model_id}", "churn").version
    mlflow.MlflowClient().set_registered_model_alias("churn", alias, version)
    served = load_served_model(registry, warehouse, alias)  # what scoring does first
    tags = mlflow.MlflowClient().get_model_version("churn", version).tags
    refusal = tags.get(f"not_served_as_{alias}")
    print(f"Version {version} as {alias}:", refusal or "followed")
warehouse.close()
