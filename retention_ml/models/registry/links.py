"""Where MLflow's pages are that matter now: trainings, the newest comparison, champion, challenger."""

from retention_ml.errors import RegistryError
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.models.registry.runs import OVERVIEW
from retention_ml.models.registry.tracking import NAME

_VIEW = "workflowType=machine_learning"  # MLflow's pages begin with those for language models
_ALIASES = ("champion", "challenger")


def page_links(registry: Registry) -> dict[str, str]:
    """The address of each page, by what it shows; empty where MLflow has no pages or is down.

    The keys are `trainings`, `newest_training`, `model`, `champion` and `challenger`, those of
    what there is.
    """
    address = registry.uri.rstrip("/")
    if not address.startswith("http"):
        return {}
    try:
        aliases = registry.aliases(timeout="short")
        newest = registry.newest_training()
        experiment = registry.experiment_id()
    except RegistryError:
        return {}
    runs = f"{address}/#/experiments/{experiment}/runs"
    links = {"trainings": f"{runs}?{_VIEW}"}
    if newest is not None:
        links["newest_training"] = f"{runs}/{newest}/artifacts/{OVERVIEW}?{_VIEW}"
    if aliases:
        links["model"] = f"{address}/#/models/{NAME}"
    versions = {alias: aliases[alias] for alias in _ALIASES if alias in aliases}
    return links | {
        alias: f"{address}/#/models/{NAME}/versions/{number}" for alias, number in versions.items()
    }
