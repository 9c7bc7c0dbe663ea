"""Commands about the keys of the warehouse: keys list."""

import typer

from retention_ml.cli.frame import Json, opened, print_rows

keys = typer.Typer(help="The keys of the archive and the audit log.", no_args_is_help=True)


@keys.callback()
def _group() -> None:
    """The keys of the archive and the audit log."""


@keys.command("list")
def keys_list(as_json: Json = False) -> None:
    """List the versions of the keys, never the keys."""
    with opened(as_json) as (_, settings):
        from retention_ml.keys import PURPOSES, Keyring

        ring = Keyring.of(settings)
        rows = [
            {
                "purpose": purpose,
                "current": ring.current(purpose).version,
                "versions": " ".join(map(str, ring.versions(purpose))),
            }
            for purpose in PURPOSES
        ]
        print_rows(f"Keys {ring.id}", rows, as_json=as_json)
