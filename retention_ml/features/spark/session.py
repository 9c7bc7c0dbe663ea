"""The Spark session of a process; the one module that imports PySpark."""

import os
import shutil
import sys
from importlib.util import find_spec
from typing import Any

from retention_ml.errors import UsageError
from retention_ml.settings import Spark

_ASKED = "features.engine or scoring.engine is 'spark'"
_INSTEAD = "set features.engine to 'duckdb' and scoring.engine to 'local'"
_INSTALL = "`pip install 'retention-ml[spark]'`"


def session(settings: Spark, *, threads: int) -> Any:
    """The `SparkSession` of this process, begun if there is none.

    Parameters
    ----------
    settings : Spark
        Of `[spark]`: the master's address (`local` is this machine), and memory.
    threads : int
        Threads of a local master.

    Raises
    ------
    UsageError
        PySpark or a Java runtime is not installed; it names the command that installs it.
    """
    if find_spec("pyspark") is None:
        raise UsageError(
            f"{_ASKED}, and PySpark is not installed. Run {_INSTALL} in the environment of the "
            f"platform, or {_INSTEAD}."
        )
    if not (os.environ.get("JAVA_HOME") or shutil.which("java")):
        raise UsageError(
            f"{_ASKED}, and there is no Java: neither JAVA_HOME nor `java`. Install Java 17 or 21 "
            f"(on Debian: apt-get install default-jre-headless), or {_INSTEAD}."
        )
    from pyspark.sql import SparkSession

    is_local = settings.master == "local"
    builder = SparkSession.builder.master(f"local[{threads}]" if is_local else settings.master)
    if is_local:
        for name in ("spark.driver.host", "spark.driver.bindAddress"):
            builder = builder.config(name, "127.0.0.1")
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # what executors here run
    spark = (
        builder.appName("retention-ml")
        .config("spark.driver.memory", f"{settings.memory_gb}g")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", str(settings.partitions))
        # As in the other engines: a quotient of nothing by nothing is missing, not an error.
        .config("spark.sql.ansi.enabled", "false")
        .config("spark.ui.enabled", "false" if is_local else "true")
        .config("spark.ui.showConsoleProgress", "false")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    return spark
