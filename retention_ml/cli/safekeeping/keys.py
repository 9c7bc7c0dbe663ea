"""Commands about the keys of the warehouse: keys list, rotate, drop."""

from typing import Annotated

import typer

from retention_ml.cli.frame import Json, console, opened, print_json, print_rows

keys = typer.Typer(help="The keys of the archive and the audit log.", no_args_is_help=True)

Purpose = Annotated[str, typer.Argument(metavar="PURPOSE", help="lookup, number, archive, audit.")]


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


@keys.command("rotate")
def keys_rotate(purpose: Purpose, as_json: Json = False) -> None:
    """Add a new version of a key; what was made with older ones stays readable."""
    _change(purpose, None, as_json)


@keys.command("drop")
def keys_drop(
    purpose: Purpose,
    version: Annotated[int, typer.Argument(help="One that is not the newest.")],
    as_json: Json = False,
) -> None:
    """Destroy an old version of a key: what is still sealed with it can never be read again."""
    _change(purpose, version, as_json)


def _change(purpose: str, drop: int | None, as_json: bool) -> None:
    with opened(as_json) as (warehouse, settings):
        from retention_ml.maintenance.change_keys import change_keys

        receipt = change_keys(warehouse, settings=settings, purpose=purpose, drop=drop)
        if as_json:
            print_json(receipt.to_dict())
        else:
            console.print(str(receipt))
