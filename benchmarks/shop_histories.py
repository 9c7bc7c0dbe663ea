"""Purchase days of two real shops straight from their files, as profiles take them: no database."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.data import complete_journey, online_retail
from retention_ml.clock import day_number
from retention_ml.profiles.histories import Histories, histories

_JOURNEY = """
SELECT household_id::varchar AS customer_id,
    datediff('day', make_date(0), timezone('America/New_York', timezone('UTC', transaction_timestamp::timestamp))::date) AS event_day,
    count(DISTINCT CASE WHEN quantity > 0 THEN basket_id END) AS orders_count,
    round(100 * sum(CASE WHEN quantity > 0 THEN sales_value ELSE 0 END))::bigint AS revenue_cents,
    0::bigint AS refund_cents
FROM read_parquet($files) GROUP BY ALL
"""
_RETAIL = """
SELECT "Customer ID" AS customer_id,
    datediff('day', make_date(0), "InvoiceDate"::timestamp::date) AS event_day,
    count(DISTINCT CASE WHEN "Quantity" > 0 AND "Invoice" NOT LIKE 'C%' THEN "Invoice" END) AS orders_count,
    round(100 * sum(CASE WHEN "Quantity" > 0 AND "Invoice" NOT LIKE 'C%' THEN "Quantity" * "Price"::double ELSE 0 END))::bigint AS revenue_cents,
    round(-100 * sum(CASE WHEN "Quantity" > 0 AND "Invoice" NOT LIKE 'C%' THEN 0 ELSE "Quantity" * "Price"::double END))::bigint AS refund_cents
FROM read_csv($files, types = {'Invoice': 'VARCHAR', 'StockCode': 'VARCHAR', 'Customer ID': 'VARCHAR'})
WHERE "Customer ID" IS NOT NULL AND "Invoice" NOT LIKE 'A%'
    AND NOT regexp_matches("StockCode", '^(POST|DOT|M|m|C2|C3|D|S|B|BANK CHARGES|ADJUST[0-9]*|AMAZONFEE|CRUK|(gift|GIFT)(_.*)?)$')
GROUP BY ALL
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopDays:
    """A shop's purchase days by its title; `source` names its description."""

    source: str
    title: str
    days: pa.Table

    def at(self, as_of: date) -> Histories:
        """The histories of everything before a day."""
        rows = self.days.filter(pc.less(self.days["event_day"], day_number(as_of)))
        nobody = {"customer_id": pa.array([], pa.string()), "event_day": pa.array([], pa.int64())}
        return histories(as_of, rows, pa.table(nobody))


def shop_days() -> Iterator[ShopDays]:
    """The shops whose data are there."""
    for data, query in ((complete_journey(), _JOURNEY), (online_retail(), _RETAIL)):
        if data is None:
            continue
        files = [
            str(path) for path in data.files if query is _RETAIL or path.stem == "transactions"
        ]
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            table = connection.sql(query, params={"files": files}).to_arrow_table()
        yield ShopDays(source=data.source, title=data.title, days=table)
