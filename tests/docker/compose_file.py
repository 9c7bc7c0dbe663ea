"""docker/compose.yaml as Docker Compose understands it, without Docker."""

import re
from collections.abc import Mapping
from typing import Any

import yaml

from retention_ml.settings import PROJECT

DOCKER = PROJECT / "docker"
AIRFLOW = {"api-server", "scheduler", "dag-processor", "triggerer"}
ALWAYS = {"postgres", "mlflow", "prepare", *AIRFLOW}
OPTIONAL = {"metrics": "metrics", "prometheus": "metrics", "caddy": "tls"}
"""Services that run only with a profile, and which."""
_VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")


def compose(variables: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The file with anchors and variables resolved.

    Parameters
    ----------
    variables : mapping of str to str, optional
        What docker/.env would hold; otherwise defaults count.
    """
    text = (DOCKER / "compose.yaml").read_text(encoding="utf-8")
    resolved = _VARIABLE.sub(lambda match: (variables or {}).get(match[1]) or match[2], text)
    assert "${" not in resolved, "A variable without a default."
    parsed = yaml.safe_load(resolved)
    assert isinstance(parsed, dict)
    return parsed


def secret_names() -> set[str]:
    """Every secret of the file."""
    return set(compose()["secrets"])
