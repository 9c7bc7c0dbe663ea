"""A simulated shop goes through the real doors: every planted defect ends where it should."""

from pathlib import Path

import pytest


from retention_ml.deliveries.land import land
from retention_ml.deliveries.reasons import Reason
from retention_ml.deliveries.stage import stage

from retention_ml.settings import Settings, load
from retention_ml.simulate import defects, simulate
from retention_ml.simulate.shop import TIMEZONE
from retention_ml.warehouse import Warehouse
from tests.simulate.conftest import Shop


