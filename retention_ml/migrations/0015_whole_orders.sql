-- A feed may tell orders whole: lines that its newest delivery no longer has are ended (decision 28).
CREATE TABLE curated.whole_orders (
    source text NOT NULL,
    feed text NOT NULL,
    order_id text NOT NULL,
    delivery_order bigint NOT NULL,
    available_at timestamptz NOT NULL,
    PRIMARY KEY (source, feed, order_id)
);
COMMENT ON TABLE curated.whole_orders IS 'one row per order of a feed with replaces = "order": the newest delivery that named it, which an older one does not overrule';
COMMENT ON COLUMN curated.whole_orders.source IS 'name of the source description';
COMMENT ON COLUMN curated.whole_orders.feed IS 'the feed that tells the order whole';
COMMENT ON COLUMN curated.whole_orders.order_id IS 'invoice or basket number';
COMMENT ON COLUMN curated.whole_orders.delivery_order IS 'the newest delivery that named the order; of a replay the delivery that it replays';
COMMENT ON COLUMN curated.whole_orders.available_at IS 'from when what it says of the order may be used';
COMMENT ON COLUMN curated.order_lines.superseded_at IS 'available_at of the version that replaced this one, or when a newer delivery of the whole order no longer had the line';
COMMENT ON COLUMN curated.order_lines.superseded_by IS 'the delivery that replaced this version, or no longer had the line';
