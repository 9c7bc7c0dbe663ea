"""Fixtures that faults of models share with the tests of `models`."""

from tests.models.conftest import copied, registry_database, shelf, stocked

__all__ = ["copied", "registry_database", "shelf", "stocked"]
