"""One frozen `Settings`: environment over `retention.toml` over defaults.

Every business decision stands in `retention.toml`; every secret and address comes from the
environment.
"""

from retention_ml.settings.loading import load
from retention_ml.settings.sections import (
    PROJECT,
    SECTIONS,
    Calendar,
    Churn,
    Features,
    Monitoring,
    Readiness,
    Settings,
    Tiers,
    Training,
    Trial,
)
from retention_ml.settings.services import Spark

__all__ = [
    "PROJECT",
    "SECTIONS",
    "Calendar",
    "Churn",
    "Features",
    "Monitoring",
    "Readiness",
    "Settings",
    "Spark",
    "Tiers",
    "Training",
    "Trial",
    "load",
]
