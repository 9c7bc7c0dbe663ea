"""Commands about the persons behind the customers: keys and pseudonyms."""

import typer

from retention_ml.cli.frame import Json, console, opened, print_json, working

people = typer.Typer(
    help="Pseudonyms and the keys that lead to customers' numbers; persons who are to be forgotten.",
    no_args_is_help=True,
)


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    app.add_typer(people, name="people")


@people.command("contact-list")
def contact_list(as_json: Json = False) -> None:
    """List anew whom the CRM may contact, by the shop's numbers; `70_assign_actions` does it daily."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.people.fill_contact_list import fill_contact_list

        receipt = fill_contact_list(warehouse, settings=settings)
        if as_json:
            print_json(receipt.to_dict())
            return
        console.print(f"{receipt.written:,} customers are on the list that retention_crm reads.")


@people.command("pseudonymise")
def pseudonymise(as_json: Json = False) -> None:
    """Replace the customer numbers of a filled warehouse by pseudonyms; nothing else may run."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.maintenance.pseudonymise import pseudonymise as door

        with working("Replacing numbers …"):
            receipt = door(warehouse, settings=settings)
        if as_json:
            print_json(receipt.to_dict())
            return
        if receipt.details["is_repeat"]:
            console.print("The warehouse holds pseudonyms already. Nothing was changed.")
            return
        rows = sum(receipt.details["tables"].values())
        console.print(
            f"{receipt.written:,} customers have pseudonyms now, in {rows:,} rows of "
            f"{len(receipt.details['tables'])} tables. Set pseudonyms = true under [privacy], and "
            "keep a copy of the file of keys where neither the home nor backups of the warehouse "
            "lie.",
            soft_wrap=True,
        )


@people.command("rotate-key")
def rotate_key(as_json: Json = False) -> None:
    """Find and open customers' numbers by new keys; pseudonyms and all that hangs on them stay."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.people.rotate_key import rotate_key as door

        with working("Making new keys …"):
            receipt = door(warehouse, settings=settings)
        if as_json:
            print_json(receipt.to_dict())
            return
        console.print(
            f"{receipt.written:,} customers are found by keys of version "
            f"{receipt.details['version']} now. Keep a copy of the file of keys: without it nobody "
            "is found by their number. Older versions in it open backups of the warehouse.",
            soft_wrap=True,
        )
