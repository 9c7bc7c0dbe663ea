"""Superset's database, its administrator and its dashboards, brought up to date.

Run by the Python of Superset's own environment; `make superset` does. Safe to repeat: everything
is found again by its uuid and written anew from the files below `assets/`.
"""

import os
from pathlib import Path

from flask import g
from flask_migrate import upgrade
from superset.app import create_app

ASSETS = Path(__file__).resolve().parent / "assets"
DATABASE = "databases/retention.yaml"
# Where the warehouse is differs from machine to machine, so a run replaces it.
PLACEHOLDER = "postgresql+psycopg2://retention_bi:XXXXXXXXXX@127.0.0.1:5432/retention"


def main() -> None:
    """Migrate, make the login, import what the files say."""
    app = create_app()
    with app.app_context():
        upgrade(directory=str(Path(app.root_path) / "migrations"))
        administrator = _administrator(app)
        g.user = administrator
        _import_assets()
        _read_columns()


def _administrator(app):
    """The one login, whose password is that of the secrets even if a person has changed it."""
    from superset import appbuilder, security_manager

    appbuilder.add_permissions(update_perms=True)
    security_manager.sync_role_definitions()
    name, password = "admin", os.environ["SUPERSET_ADMIN_PASSWORD"]
    user = security_manager.find_user(username=name)
    if user is None:
        role = security_manager.find_role(app.config["AUTH_ROLE_ADMIN"])
        user = security_manager.add_user(
            name, "Retention", "Admin", "admin@localhost", role, password=password
        )
    else:
        security_manager.reset_password(user.id, password)
    return user


def _import_assets() -> None:
    from superset.commands.importers.v1.assets import ImportAssetsCommand

    contents = {
        path.relative_to(ASSETS).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(ASSETS.rglob("*.yaml"))
    }
    described = contents[DATABASE]
    if PLACEHOLDER not in described:
        raise SystemExit(f"{ASSETS / DATABASE} does not hold the address {PLACEHOLDER}.")
    contents[DATABASE] = described.replace(PLACEHOLDER, os.environ["SUPERSET_WAREHOUSE_URI"])
    ImportAssetsCommand(contents).run()


def _read_columns() -> None:
    """The columns that no chart uses, and what the database says about all of them."""
    from superset import db
    from superset.connectors.sqla.models import SqlaTable

    for dataset in db.session.query(SqlaTable).order_by(SqlaTable.table_name):
        dataset.fetch_metadata()
    db.session.commit()


if __name__ == "__main__":
    main()
