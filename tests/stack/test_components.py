"""How the parts of the stack are started."""

import pytest

from retention_ml.settings import Settings
from retention_ml.stack import components, keys
from retention_ml.stack.environment import Ports


@pytest.mark.parametrize("name", components.NAMES)
def test_no_secret_stands_among_the_arguments_of_a_process(settings: Settings, name: str) -> None:
    (settings.home / "postgres").mkdir(parents=True)
    (settings.home / "postgres" / "port").write_text("5432")
    part = components.component(settings, name, Ports(airflow=8080, mlflow=5000))
    secrets = keys.load(settings.home).values()
    assert not [secret for secret in secrets if secret in " ".join(part.command)]
    assert [secret for secret in secrets if secret in " ".join(part.environment.values())]
