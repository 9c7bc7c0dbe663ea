"""The rows of the page of one customer."""

from retention_ml.errors import UsageError
from retention_ml.pages import customer
from retention_ml.pages.customer import CustomerRows
from retention_ml.reports.site.days import NotThere, until
from retention_ml.reports.site.figures.contact import contact_sentences
from retention_ml.reports.site.figures.tier_bounds import tier_bounds
from retention_ml.reports.site.look import Look

_MONTHS_SHOWN = 24
_STORY_SHOWN = 60
_PRODUCTS_SHOWN = 6


def customer_page(look: Look) -> str:
    """The page of the customer that was asked for.

    Raises
    ------
    UsageError
        None was asked for.
    NotThere
        Nothing is known of them.
    """
    customer_id = look.asked.get("id", "").strip()
    if not customer_id:
        raise UsageError("No customer number was given; expected the number as the shop writes it.")
    return customer.page(look.frame, customer_rows(look, customer_id))


def customer_rows(look: Look, customer_id: str) -> CustomerRows:
    """All that the page of a customer shows.

    Raises
    ------
    NotThere
        Nothing is known of them.
    """
    select, day = look.select, look.day
    days = until(look.days, day) if day else []
    scores = select(
        "SELECT * FROM reports.customer_risk_history WHERE customer_id = :id "
        "AND snapshot_id = ANY(:snapshots) ORDER BY as_of",
        id=customer_id,
        snapshots=[each.snapshot_id for each in days],
    )
    story = select(
        "SELECT happened_on, kind, sentence, amount FROM reports.customer_story "
        "WHERE customer_id = :id ORDER BY happened_on DESC, kind LIMIT :limit",
        id=customer_id,
        limit=_STORY_SHOWN,
    )
    if not scores and not story:
        raise NotThere(
            "There is no customer of that number: no order, no contact and no score. Numbers are "
            "compared as the shop writes them, with capitals and leading zeros."
        )
    newest = scores[-1] if scores and day and scores[-1]["as_of"] == day.as_of else None
    return CustomerRows(
        customer_id=customer_id,
        score=newest,
        scores=scores,
        bounds=tier_bounds(select, look.settings, day) if day else {},
        months=list(
            reversed(
                select(
                    "SELECT date_trunc('month', happened_on)::date AS month_on, count(*) AS "
                    "orders_count, sum(amount) AS revenue FROM reports.customer_story "
                    "WHERE customer_id = :id AND kind = 'order' GROUP BY 1 ORDER BY 1 DESC "
                    "LIMIT :limit",
                    id=customer_id,
                    limit=_MONTHS_SHOWN,
                )
            )
        ),
        story=story,
        contact=contact_sentences(look, [customer_id]).get(customer_id),
        products=select(
            "SELECT product_id, product_name, list, purchase_probability, reason "
            "FROM reports.recommendations WHERE customer_id = :id AND list = 'mixed' "
            "ORDER BY rank LIMIT :limit",
            id=customer_id,
            limit=_PRODUCTS_SHOWN,
        ),
    )
