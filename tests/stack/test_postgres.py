"""The embedded server, asked for by several commands at once."""

from concurrent.futures import ThreadPoolExecutor

from retention_ml.settings import Settings
from retention_ml.stack import address, local

_COMMANDS = 3


def test_commands_that_come_at_the_same_moment_start_one_server(settings: Settings) -> None:
    def ask(_: int) -> int:
        warehouse = address.warehouse(settings)
        try:
            return int(warehouse.read("SELECT 1 AS one")["one"][0].as_py())
        finally:
            warehouse.close()

    try:
        with ThreadPoolExecutor(_COMMANDS) as pool:
            assert list(pool.map(ask, range(_COMMANDS))) == [1] * _COMMANDS
    finally:
        local.down(settings)
