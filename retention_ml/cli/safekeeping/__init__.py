"""Commands about what must stay secret, unchanged and there: archive, keys, audit log, backups."""

import typer

from retention_ml.cli.safekeeping.archive import archive
from retention_ml.cli.safekeeping.audit import audit
from retention_ml.cli.safekeeping.backups import backups, restore
from retention_ml.cli.safekeeping.keys import keys


def add_to(app: typer.Typer) -> None:
    """Register the commands of this package."""
    app.add_typer(archive, name="archive")
    app.add_typer(keys, name="keys")
    app.add_typer(audit, name="audit")
    app.add_typer(backups, name="backup")
    app.command()(restore)
