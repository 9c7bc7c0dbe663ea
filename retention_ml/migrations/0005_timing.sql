-- Risk by horizon and the day of the next order; empty in snapshots made before.
ALTER TABLE scores.customer_daily
    ADD COLUMN no_order_probability_7d double precision CHECK (no_order_probability_7d BETWEEN 0 AND 1),
    ADD COLUMN no_order_probability_14d double precision CHECK (no_order_probability_14d BETWEEN 0 AND 1),
    ADD COLUMN no_order_probability_30d double precision CHECK (no_order_probability_30d BETWEEN 0 AND 1),
    ADD COLUMN no_order_probability_60d double precision CHECK (no_order_probability_60d BETWEEN 0 AND 1),
    ADD COLUMN no_order_probability_90d double precision CHECK (no_order_probability_90d BETWEEN 0 AND 1),
    ADD COLUMN next_order_expected_on date;
COMMENT ON COLUMN scores.customer_daily.no_order_probability_7d IS 'probability of no order within 7 days from the first moment of as_of, 0 to 1; empty where the model''s bundle tells no timing';
COMMENT ON COLUMN scores.customer_daily.no_order_probability_14d IS 'probability of no order within 14 days, 0 to 1';
COMMENT ON COLUMN scores.customer_daily.no_order_probability_30d IS 'probability of no order within 30 days, 0 to 1';
COMMENT ON COLUMN scores.customer_daily.no_order_probability_60d IS 'probability of no order within 60 days, 0 to 1';
COMMENT ON COLUMN scores.customer_daily.no_order_probability_90d IS 'probability of no order within 90 days, 0 to 1';
COMMENT ON COLUMN scores.customer_daily.next_order_expected_on IS 'the day on which the next order is expected of a customer who still buys, at most three outcome windows after as_of; empty where that is less than 5 % probable';
COMMENT ON COLUMN scores.customer_daily.expected_value_at_risk_cents IS 'probability x margin share x revenue expected in the value horizon if the customer is retained, in minor units: expected purchase days (buying process) x expected payment on one (Gamma-Gamma); with a bundle that tells neither, revenue as lately';
