-- Canonical tables: staged (scratch of one batch) and curated (kept, versioned).
CREATE UNLOGGED TABLE staging.customers (
    customer_id text NOT NULL,
    registered_at timestamptz,
    country text,
    age_band text,
    income_band text,
    household_size text,
    source text NOT NULL,
    row_key bytea NOT NULL,
    content_hash bytea NOT NULL,
    batch_id bigint NOT NULL,
    delivery_id bigint NOT NULL,
    line_number bigint NOT NULL,
    is_derived boolean NOT NULL
);
CREATE INDEX ON staging.customers (batch_id);
CREATE UNLOGGED TABLE staging.products (
    product_id text NOT NULL,
    name text,
    category text,
    subcategory text,
    brand text,
    source text NOT NULL,
    row_key bytea NOT NULL,
    content_hash bytea NOT NULL,
    batch_id bigint NOT NULL,
    delivery_id bigint NOT NULL,
    line_number bigint NOT NULL,
    is_derived boolean NOT NULL
);
CREATE INDEX ON staging.products (batch_id);
CREATE UNLOGGED TABLE staging.orders (
    order_id text NOT NULL,
    customer_id text,
    event_at timestamptz NOT NULL,
    kind text NOT NULL,
    channel text,
    source text NOT NULL,
    row_key bytea NOT NULL,
    content_hash bytea NOT NULL,
    batch_id bigint NOT NULL,
    delivery_id bigint NOT NULL,
    line_number bigint NOT NULL,
    is_derived boolean NOT NULL
);
CREATE INDEX ON staging.orders (batch_id);
CREATE UNLOGGED TABLE staging.order_lines (
    order_id text NOT NULL,
    product_id text,
    occurrence bigint NOT NULL,
    customer_id text,
    event_at timestamptz NOT NULL,
    kind text NOT NULL,
    quantity bigint NOT NULL,
    unit_price_cents bigint,
    line_amount_cents bigint NOT NULL,
    discount_cents bigint NOT NULL,
    source text NOT NULL,
    row_key bytea NOT NULL,
    content_hash bytea NOT NULL,
    batch_id bigint NOT NULL,
    delivery_id bigint NOT NULL,
    line_number bigint NOT NULL,
    is_derived boolean NOT NULL
);
CREATE INDEX ON staging.order_lines (batch_id);
CREATE UNLOGGED TABLE staging.events (
    customer_id text,
    event_at timestamptz NOT NULL,
    event_type text NOT NULL,
    product_id text,
    session_id text,
    detail text,
    source text NOT NULL,
    row_key bytea NOT NULL,
    content_hash bytea NOT NULL,
    batch_id bigint NOT NULL,
    delivery_id bigint NOT NULL,
    line_number bigint NOT NULL,
    is_derived boolean NOT NULL
);
CREATE INDEX ON staging.events (batch_id);
CREATE UNLOGGED TABLE staging.feedback (
    feedback_id text NOT NULL,
    customer_id text,
    event_at timestamptz NOT NULL,
    kind text NOT NULL,
    rating_share double precision,
    product_id text,
    comment text,
    source text NOT NULL,
    row_key bytea NOT NULL,
    content_hash bytea NOT NULL,
    batch_id bigint NOT NULL,
    delivery_id bigint NOT NULL,
    line_number bigint NOT NULL,
    is_derived boolean NOT NULL
);
CREATE INDEX ON staging.feedback (batch_id);
CREATE UNLOGGED TABLE staging.campaign_contacts (
    campaign_id text NOT NULL,
    customer_id text NOT NULL,
    event_at timestamptz NOT NULL,
    kind text NOT NULL,
    campaign_type text,
    product_id text,
    source text NOT NULL,
    row_key bytea NOT NULL,
    content_hash bytea NOT NULL,
    batch_id bigint NOT NULL,
    delivery_id bigint NOT NULL,
    line_number bigint NOT NULL,
    is_derived boolean NOT NULL
);
CREATE INDEX ON staging.campaign_contacts (batch_id);
CREATE TABLE curated.customers (
    customer_id text NOT NULL,
    registered_at timestamptz,
    country text,
    age_band text,
    income_band text,
    household_size text,
    source text NOT NULL,
    row_key bytea NOT NULL,
    content_hash bytea NOT NULL,
    delivery_id bigint NOT NULL,
    line_number bigint NOT NULL,
    loaded_at timestamptz NOT NULL,
    available_at timestamptz NOT NULL,
    superseded_at timestamptz,
    superseded_by bigint,
    CHECK (isfinite(registered_at))
);
COMMENT ON TABLE curated.customers IS 'one row per customer and version of what the shop told about them';
COMMENT ON COLUMN curated.customers.customer_id IS 'the shop''s customer number';
COMMENT ON COLUMN curated.customers.registered_at IS 'when the account was opened';
COMMENT ON COLUMN curated.customers.country IS 'country as the shop writes it';
COMMENT ON COLUMN curated.customers.age_band IS 'age band as the shop writes it';
COMMENT ON COLUMN curated.customers.income_band IS 'income band as the shop writes it';
COMMENT ON COLUMN curated.customers.household_size IS 'persons in the household as the shop writes it';
COMMENT ON COLUMN curated.customers.source IS 'name of the source description the row came through';
COMMENT ON COLUMN curated.customers.row_key IS 'MD5 of the business key, 16 bytes';
COMMENT ON COLUMN curated.customers.content_hash IS 'MD5 of all business columns, 16 bytes';
COMMENT ON COLUMN curated.customers.delivery_id IS 'the delivery in raw.deliveries';
COMMENT ON COLUMN curated.customers.line_number IS 'physical line (or row) in the file, the first is 1';
COMMENT ON COLUMN curated.customers.loaded_at IS 'when the row was really loaded';
COMMENT ON COLUMN curated.customers.available_at IS 'from when the platform may use the row';
COMMENT ON COLUMN curated.customers.superseded_at IS 'available_at of the version that replaced this one';
COMMENT ON COLUMN curated.customers.superseded_by IS 'the delivery that replaced this version';
CREATE UNIQUE INDEX customers_current ON curated.customers (row_key) WHERE superseded_at IS NULL;
CREATE INDEX customers_delivery ON curated.customers (delivery_id);

CREATE TABLE curated.products (
    product_id text NOT NULL,
    name text,
    category text,
    subcategory text,
    brand text,
    source text NOT NULL,
    row_key bytea NOT NULL,
    content_hash bytea NOT NULL,
    delivery_id bigint NOT NULL,
    line_number bigint NOT NULL,
    loaded_at timestamptz NOT NULL,
    available_at timestamptz NOT NULL,
    superseded_at timestamptz,
    superseded_by bigint
);
COMMENT ON TABLE curated.products IS 'one row per product and version of its description';
COMMENT ON COLUMN curated.products.product_id IS 'stock code';
COMMENT ON COLUMN curated.products.name IS 'description';
COMMENT ON COLUMN curated.products.category IS 'the broad shelf';
COMMENT ON COLUMN curated.products.subcategory IS 'the narrow shelf';
COMMENT ON COLUMN curated.products.brand IS 'brand or private label';
COMMENT ON COLUMN curated.products.source IS 'name of the source description the row came through';
COMMENT ON COLUMN curated.products.row_key IS 'MD5 of the business key, 16 bytes';
COMMENT ON COLUMN curated.products.content_hash IS 'MD5 of all business columns, 16 bytes';
COMMENT ON COLUMN curated.products.delivery_id IS 'the delivery in raw.deliveries';
COMMENT ON COLUMN curated.products.line_number IS 'physical line (or row) in the file, the first is 1';
COMMENT ON COLUMN curated.products.loaded_at IS 'when the row was really loaded';
COMMENT ON COLUMN curated.products.available_at IS 'from when the platform may use the row';
COMMENT ON COLUMN curated.products.superseded_at IS 'available_at of the version that replaced this one';
COMMENT ON COLUMN curated.products.superseded_by IS 'the delivery that replaced this version';
CREATE UNIQUE INDEX products_current ON curated.products (row_key) WHERE superseded_at IS NULL;
CREATE INDEX products_delivery ON curated.products (delivery_id);
CREATE INDEX products_superseded ON curated.products (superseded_by) WHERE superseded_by IS NOT NULL;

CREATE TABLE curated.orders (
    order_id text NOT NULL,
    customer_id text,
    event_at timestamptz NOT NULL,
    kind text NOT NULL,
    channel text,
    source text NOT NULL,
    row_key bytea NOT NULL,
    content_hash bytea NOT NULL,
    delivery_id bigint NOT NULL,
    line_number bigint NOT NULL,
    loaded_at timestamptz NOT NULL,
    available_at timestamptz NOT NULL,
    superseded_at timestamptz,
    superseded_by bigint,
    CHECK (isfinite(event_at)),
    CHECK (kind IN ('purchase', 'cancellation', 'return'))
);
COMMENT ON TABLE curated.orders IS 'one row per order and version: a customer''s purchase, cancellation or return';
COMMENT ON COLUMN curated.orders.order_id IS 'invoice or basket number';
COMMENT ON COLUMN curated.orders.customer_id IS 'empty for guests';
COMMENT ON COLUMN curated.orders.event_at IS 'when it was placed';
COMMENT ON COLUMN curated.orders.kind IS 'purchase, cancellation or return';
COMMENT ON COLUMN curated.orders.channel IS 'where it was placed';
COMMENT ON COLUMN curated.orders.source IS 'name of the source description the row came through';
COMMENT ON COLUMN curated.orders.row_key IS 'MD5 of the business key, 16 bytes';
COMMENT ON COLUMN curated.orders.content_hash IS 'MD5 of all business columns, 16 bytes';
COMMENT ON COLUMN curated.orders.delivery_id IS 'the delivery in raw.deliveries';
COMMENT ON COLUMN curated.orders.line_number IS 'physical line (or row) in the file, the first is 1';
COMMENT ON COLUMN curated.orders.loaded_at IS 'when the row was really loaded';
COMMENT ON COLUMN curated.orders.available_at IS 'from when the platform may use the row';
COMMENT ON COLUMN curated.orders.superseded_at IS 'available_at of the version that replaced this one';
COMMENT ON COLUMN curated.orders.superseded_by IS 'the delivery that replaced this version';
CREATE UNIQUE INDEX orders_current ON curated.orders (row_key) WHERE superseded_at IS NULL;
CREATE INDEX orders_delivery ON curated.orders (delivery_id);
CREATE INDEX orders_superseded ON curated.orders (superseded_by) WHERE superseded_by IS NOT NULL;
CREATE INDEX orders_event_at ON curated.orders USING brin (event_at);

CREATE TABLE curated.order_lines (
    order_id text NOT NULL,
    product_id text,
    occurrence bigint NOT NULL,
    customer_id text,
    event_at timestamptz NOT NULL,
    kind text NOT NULL,
    quantity bigint NOT NULL,
    unit_price_cents bigint,
    line_amount_cents bigint NOT NULL,
    discount_cents bigint NOT NULL,
    source text NOT NULL,
    row_key bytea NOT NULL,
    content_hash bytea NOT NULL,
    delivery_id bigint NOT NULL,
    line_number bigint NOT NULL,
    loaded_at timestamptz NOT NULL,
    available_at timestamptz NOT NULL,
    superseded_at timestamptz,
    superseded_by bigint,
    CHECK (isfinite(event_at)),
    CHECK (kind IN ('sale', 'cancellation', 'return', 'charge'))
);
COMMENT ON TABLE curated.order_lines IS 'one row per line of an order and version';
COMMENT ON COLUMN curated.order_lines.order_id IS 'invoice or basket number';
COMMENT ON COLUMN curated.order_lines.product_id IS 'stock code; empty where the shop gives only totals';
COMMENT ON COLUMN curated.order_lines.occurrence IS '1, 2, ... for lines of the same product in one order';
COMMENT ON COLUMN curated.order_lines.customer_id IS 'empty for guests';
COMMENT ON COLUMN curated.order_lines.event_at IS 'when the order was placed';
COMMENT ON COLUMN curated.order_lines.kind IS 'sale, cancellation, return or charge (no merchandise)';
COMMENT ON COLUMN curated.order_lines.quantity IS 'pieces; negative when goods came back';
COMMENT ON COLUMN curated.order_lines.unit_price_cents IS 'price of one piece, rounded to the minor unit';
COMMENT ON COLUMN curated.order_lines.line_amount_cents IS 'what was paid for the line; negative if refunded';
COMMENT ON COLUMN curated.order_lines.discount_cents IS 'taken off the list price; at least 0';
COMMENT ON COLUMN curated.order_lines.source IS 'name of the source description the row came through';
COMMENT ON COLUMN curated.order_lines.row_key IS 'MD5 of the business key, 16 bytes';
COMMENT ON COLUMN curated.order_lines.content_hash IS 'MD5 of all business columns, 16 bytes';
COMMENT ON COLUMN curated.order_lines.delivery_id IS 'the delivery in raw.deliveries';
COMMENT ON COLUMN curated.order_lines.line_number IS 'physical line (or row) in the file, the first is 1';
COMMENT ON COLUMN curated.order_lines.loaded_at IS 'when the row was really loaded';
COMMENT ON COLUMN curated.order_lines.available_at IS 'from when the platform may use the row';
COMMENT ON COLUMN curated.order_lines.superseded_at IS 'available_at of the version that replaced this one';
COMMENT ON COLUMN curated.order_lines.superseded_by IS 'the delivery that replaced this version';
CREATE UNIQUE INDEX order_lines_current ON curated.order_lines (row_key) WHERE superseded_at IS NULL;
CREATE INDEX order_lines_delivery ON curated.order_lines (delivery_id);
CREATE INDEX order_lines_superseded ON curated.order_lines (superseded_by) WHERE superseded_by IS NOT NULL;
CREATE INDEX order_lines_event_at ON curated.order_lines USING brin (event_at);

CREATE TABLE curated.events (
    customer_id text,
    event_at timestamptz NOT NULL,
    event_type text NOT NULL,
    product_id text,
    session_id text,
    detail text,
    source text NOT NULL,
    row_key bytea NOT NULL,
    content_hash bytea NOT NULL,
    delivery_id bigint NOT NULL,
    line_number bigint NOT NULL,
    loaded_at timestamptz NOT NULL,
    available_at timestamptz NOT NULL,
    superseded_at timestamptz,
    superseded_by bigint,
    CHECK (isfinite(event_at)),
    CHECK (event_type IN ('view', 'cart', 'remove_from_cart', 'wishlist', 'purchase', 'search', 'login', 'share', 'review'))
);
COMMENT ON TABLE curated.events IS 'one row per thing a visitor did in the shop';
COMMENT ON COLUMN curated.events.customer_id IS 'empty for visitors who are not known';
COMMENT ON COLUMN curated.events.event_at IS 'when it happened';
COMMENT ON COLUMN curated.events.event_type IS 'view, cart, remove_from_cart, wishlist, purchase, search, login, share or review';
COMMENT ON COLUMN curated.events.product_id IS 'the product looked at';
COMMENT ON COLUMN curated.events.session_id IS 'the shop''s own session number';
COMMENT ON COLUMN curated.events.detail IS 'search words, share target and the like';
COMMENT ON COLUMN curated.events.source IS 'name of the source description the row came through';
COMMENT ON COLUMN curated.events.row_key IS 'MD5 of the business key, 16 bytes';
COMMENT ON COLUMN curated.events.content_hash IS 'MD5 of all business columns, 16 bytes';
COMMENT ON COLUMN curated.events.delivery_id IS 'the delivery in raw.deliveries';
COMMENT ON COLUMN curated.events.line_number IS 'physical line (or row) in the file, the first is 1';
COMMENT ON COLUMN curated.events.loaded_at IS 'when the row was really loaded';
COMMENT ON COLUMN curated.events.available_at IS 'from when the platform may use the row';
COMMENT ON COLUMN curated.events.superseded_at IS 'available_at of the version that replaced this one';
COMMENT ON COLUMN curated.events.superseded_by IS 'the delivery that replaced this version';
CREATE UNIQUE INDEX events_current ON curated.events (row_key) WHERE superseded_at IS NULL;
CREATE INDEX events_delivery ON curated.events (delivery_id);
CREATE INDEX events_superseded ON curated.events (superseded_by) WHERE superseded_by IS NOT NULL;
CREATE INDEX events_event_at ON curated.events USING brin (event_at);

CREATE TABLE curated.feedback (
    feedback_id text NOT NULL,
    customer_id text,
    event_at timestamptz NOT NULL,
    kind text NOT NULL,
    rating_share double precision,
    product_id text,
    comment text,
    source text NOT NULL,
    row_key bytea NOT NULL,
    content_hash bytea NOT NULL,
    delivery_id bigint NOT NULL,
    line_number bigint NOT NULL,
    loaded_at timestamptz NOT NULL,
    available_at timestamptz NOT NULL,
    superseded_at timestamptz,
    superseded_by bigint,
    CHECK (isfinite(event_at)),
    CHECK (kind IN ('review', 'survey', 'complaint', 'return_reason')),
    CHECK (rating_share BETWEEN 0 AND 1)
);
COMMENT ON TABLE curated.feedback IS 'one row per rating, survey answer or complaint';
COMMENT ON COLUMN curated.feedback.feedback_id IS 'number of the rating or ticket';
COMMENT ON COLUMN curated.feedback.customer_id IS 'empty where anonymous';
COMMENT ON COLUMN curated.feedback.event_at IS 'when it was given';
COMMENT ON COLUMN curated.feedback.kind IS 'review, survey, complaint or return_reason';
COMMENT ON COLUMN curated.feedback.rating_share IS '0 the worst, 1 the best mark of the scale';
COMMENT ON COLUMN curated.feedback.product_id IS 'what it is about';
COMMENT ON COLUMN curated.feedback.comment IS 'free text';
COMMENT ON COLUMN curated.feedback.source IS 'name of the source description the row came through';
COMMENT ON COLUMN curated.feedback.row_key IS 'MD5 of the business key, 16 bytes';
COMMENT ON COLUMN curated.feedback.content_hash IS 'MD5 of all business columns, 16 bytes';
COMMENT ON COLUMN curated.feedback.delivery_id IS 'the delivery in raw.deliveries';
COMMENT ON COLUMN curated.feedback.line_number IS 'physical line (or row) in the file, the first is 1';
COMMENT ON COLUMN curated.feedback.loaded_at IS 'when the row was really loaded';
COMMENT ON COLUMN curated.feedback.available_at IS 'from when the platform may use the row';
COMMENT ON COLUMN curated.feedback.superseded_at IS 'available_at of the version that replaced this one';
COMMENT ON COLUMN curated.feedback.superseded_by IS 'the delivery that replaced this version';
CREATE UNIQUE INDEX feedback_current ON curated.feedback (row_key) WHERE superseded_at IS NULL;
CREATE INDEX feedback_delivery ON curated.feedback (delivery_id);
CREATE INDEX feedback_superseded ON curated.feedback (superseded_by) WHERE superseded_by IS NOT NULL;
CREATE INDEX feedback_event_at ON curated.feedback USING brin (event_at);

CREATE TABLE curated.campaign_contacts (
    campaign_id text NOT NULL,
    customer_id text NOT NULL,
    event_at timestamptz NOT NULL,
    kind text NOT NULL,
    campaign_type text,
    product_id text,
    source text NOT NULL,
    row_key bytea NOT NULL,
    content_hash bytea NOT NULL,
    delivery_id bigint NOT NULL,
    line_number bigint NOT NULL,
    loaded_at timestamptz NOT NULL,
    available_at timestamptz NOT NULL,
    superseded_at timestamptz,
    superseded_by bigint,
    CHECK (isfinite(event_at)),
    CHECK (kind IN ('sent', 'opened', 'clicked', 'redeemed'))
);
COMMENT ON TABLE curated.campaign_contacts IS 'one row per customer reached by a campaign and what they did with it';
COMMENT ON COLUMN curated.campaign_contacts.campaign_id IS 'the campaign';
COMMENT ON COLUMN curated.campaign_contacts.customer_id IS 'whom it reached';
COMMENT ON COLUMN curated.campaign_contacts.event_at IS 'when it was sent, opened, clicked or redeemed';
COMMENT ON COLUMN curated.campaign_contacts.kind IS 'sent, opened, clicked or redeemed';
COMMENT ON COLUMN curated.campaign_contacts.campaign_type IS 'the shop''s own type of campaign';
COMMENT ON COLUMN curated.campaign_contacts.product_id IS 'the coupon or product offered';
COMMENT ON COLUMN curated.campaign_contacts.source IS 'name of the source description the row came through';
COMMENT ON COLUMN curated.campaign_contacts.row_key IS 'MD5 of the business key, 16 bytes';
COMMENT ON COLUMN curated.campaign_contacts.content_hash IS 'MD5 of all business columns, 16 bytes';
COMMENT ON COLUMN curated.campaign_contacts.delivery_id IS 'the delivery in raw.deliveries';
COMMENT ON COLUMN curated.campaign_contacts.line_number IS 'physical line (or row) in the file, the first is 1';
COMMENT ON COLUMN curated.campaign_contacts.loaded_at IS 'when the row was really loaded';
COMMENT ON COLUMN curated.campaign_contacts.available_at IS 'from when the platform may use the row';
COMMENT ON COLUMN curated.campaign_contacts.superseded_at IS 'available_at of the version that replaced this one';
COMMENT ON COLUMN curated.campaign_contacts.superseded_by IS 'the delivery that replaced this version';
CREATE UNIQUE INDEX campaign_contacts_current ON curated.campaign_contacts (row_key) WHERE superseded_at IS NULL;
CREATE INDEX campaign_contacts_delivery ON curated.campaign_contacts (delivery_id);
CREATE INDEX campaign_contacts_superseded ON curated.campaign_contacts (superseded_by) WHERE superseded_by IS NOT NULL;
CREATE INDEX campaign_contacts_event_at ON curated.campaign_contacts USING brin (event_at);


