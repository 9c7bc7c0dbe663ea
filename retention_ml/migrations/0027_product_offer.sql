-- What a product can be offered by: availability, stock, price, and whether it is bought once.
ALTER TABLE staging.products
    ADD COLUMN is_available boolean,
    ADD COLUMN stock_count bigint,
    ADD COLUMN price_cents bigint,
    ADD COLUMN is_durable boolean;
COMMENT ON COLUMN staging.products.is_available IS 'whether it can be bought';
COMMENT ON COLUMN staging.products.stock_count IS 'pieces in stock; negative: ordered ahead';
COMMENT ON COLUMN staging.products.price_cents IS 'price of one piece now';
COMMENT ON COLUMN staging.products.is_durable IS 'bought once and used for long: not offered again to who has it';
ALTER TABLE curated.products
    ADD COLUMN is_available boolean,
    ADD COLUMN stock_count bigint,
    ADD COLUMN price_cents bigint,
    ADD COLUMN is_durable boolean;
COMMENT ON COLUMN curated.products.is_available IS 'whether it can be bought';
COMMENT ON COLUMN curated.products.stock_count IS 'pieces in stock; negative: ordered ahead';
COMMENT ON COLUMN curated.products.price_cents IS 'price of one piece now';
COMMENT ON COLUMN curated.products.is_durable IS 'bought once and used for long: not offered again to who has it';
