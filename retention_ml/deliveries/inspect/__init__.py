"""Trying a description on files, without a database: what it understood of them, and what is odd."""

from retention_ml.deliveries.inspect.check_files import check_files
from retention_ml.deliveries.inspect.inspection import Inspection, Report

__all__ = ["Inspection", "Report", "check_files"]
