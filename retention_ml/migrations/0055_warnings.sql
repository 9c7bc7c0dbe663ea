-- Warnings that no score gives rise to: a silence longer than the customer's own rhythm, a cart left behind.
ALTER TABLE profiles.customer_daily ADD COLUMN overdue_after_days double precision CHECK (overdue_after_days >= 0);
COMMENT ON COLUMN profiles.customer_daily.overdue_after_days IS 'wait after the last order from which the customer counts as overdue; empty without an order, and in snapshots made before there was the column';

CREATE TABLE live.carts (
    customer_id text NOT NULL,
    product_id text NOT NULL,
    put_at timestamptz,
    removed_at timestamptz,
    PRIMARY KEY (customer_id, product_id),
    CHECK (num_nonnulls(put_at, removed_at) > 0)
);
COMMENT ON TABLE live.carts IS 'one row per customer and product that an event put into a cart or took out of it, in the last week';
COMMENT ON COLUMN live.carts.customer_id IS 'the customer: a pseudonym, or the shop''s number where pseudonyms are off';
COMMENT ON COLUMN live.carts.product_id IS 'the product; empty text where the event named none';
COMMENT ON COLUMN live.carts.put_at IS 'when it was put in last; empty: never';
COMMENT ON COLUMN live.carts.removed_at IS 'when it was taken out last; empty: never';

CREATE TABLE live.last_orders (
    customer_id text PRIMARY KEY,
    ordered_at timestamptz NOT NULL
);
COMMENT ON TABLE live.last_orders IS 'one row per customer whose purchase came as an event in the last week';
COMMENT ON COLUMN live.last_orders.customer_id IS 'the customer: a pseudonym, or the shop''s number where pseudonyms are off';
COMMENT ON COLUMN live.last_orders.ordered_at IS 'when the newest of them was';
CREATE INDEX ON live.last_orders (ordered_at);

ALTER TABLE live.warnings
    ALTER COLUMN live_batch_id DROP NOT NULL,
    DROP CONSTRAINT warnings_kind_check,
    ADD CONSTRAINT warnings_kind_check CHECK (kind IN ('tier_rose', 'complaint_at_risk', 'overdue', 'cart_left')),
    DROP CONSTRAINT warnings_as_of_customer_id_kind_risk_tier_key,
    ADD COLUMN since_at timestamptz,
    ADD COLUMN ended_at timestamptz,
    ADD COLUMN told_in text,
    ADD CHECK ((kind IN ('overdue', 'cart_left')) = (since_at IS NOT NULL)),
    ADD CHECK (ended_at IS NULL OR since_at IS NOT NULL);
COMMENT ON TABLE live.warnings IS 'one row per warning about a customer between two daily runs';
COMMENT ON COLUMN live.warnings.kind IS 'tier_rose: the tier is higher than that published; complaint_at_risk: a complaint of a customer in tier high or critical; overdue: silent for longer than the customer''s own rhythm; cart_left: products in a cart and no order';
COMMENT ON COLUMN live.warnings.reason IS 'the first reason of the fresh score, or what was left and for how long, in words';
COMMENT ON COLUMN live.warnings.live_batch_id IS 'the batch of events behind it; empty where time alone is';
COMMENT ON COLUMN live.warnings.since_at IS 'of overdue and cart_left: the last order day, or when the first of the products was put in; empty otherwise';
COMMENT ON COLUMN live.warnings.ended_at IS 'of overdue and cart_left: when it was seen to be over; empty while it lasts, and otherwise';
COMMENT ON COLUMN live.warnings.told_in IS 'the run whose digest counted it; empty: none yet';
CREATE UNIQUE INDEX warnings_once_a_day ON live.warnings (as_of, customer_id, kind, risk_tier) WHERE since_at IS NULL;
CREATE UNIQUE INDEX warnings_once_until_over ON live.warnings (customer_id, kind) WHERE since_at IS NOT NULL AND ended_at IS NULL;
CREATE INDEX warnings_of_a_customer ON live.warnings (customer_id, kind);
CREATE INDEX warnings_untold ON live.warnings (warning_id) WHERE told_in IS NULL;
