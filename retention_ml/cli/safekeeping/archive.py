"""Commands about the archive of deliveries: archive seal, archive show."""

import sys
from typing import Annotated

import typer

from retention_ml.cli.frame import Json, console, opened, print_json, working

archive = typer.Typer(help="The sealed copies of delivered files.", no_args_is_help=True)


@archive.callback()
def _group() -> None:
    """The sealed copies of delivered files."""


@archive.command("seal")
def archive_seal(as_json: Json = False) -> None:
    """Seal what is plain or sealed with an older key, and empty done/; safe to repeat."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.deliveries.seal import seal

        with working("Sealing the archive …"):
            receipt = seal(warehouse, settings=settings)
        if as_json:
            print_json(receipt.to_dict())
            return
        console.print(str(receipt))
        for sha256 in receipt.details["damaged"]:
            console.print(f"damaged: landing/{sha256[:2]}/{sha256}. Deliver the file again.")


@archive.command("show")
def archive_show(
    sha256: Annotated[str, typer.Argument(help="Of the file, as in raw.deliveries.file_sha256.")],
) -> None:
    """Write a copy to standard output, as it was delivered."""
    with opened(as_json=False) as (warehouse, settings):
        from retention_ml.audit.entries import Event
        from retention_ml.audit.record_event import record_event
        from retention_ml.deliveries.archive import content_of

        record_event(warehouse, Event.DELIVERY_SHOWN, settings=settings, subject=sha256)
        for piece in content_of(settings, sha256, sha256).pieces():
            sys.stdout.buffer.write(piece)
