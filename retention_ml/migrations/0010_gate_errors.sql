-- Why the candidates of a training could not be compared; what the curves by horizon are worth.
ALTER TABLE models.trainings ADD COLUMN gate_error jsonb;
COMMENT ON COLUMN models.trainings.gate_error IS 'the defect by which the candidates could not be compared last: class, place, message, trace, run; empty where there was none';
COMMENT ON COLUMN models.trainings.status IS 'prepared, also while the candidates wait to be compared again; selected (ended); failed (the data was not ready)';

COMMENT ON COLUMN scores.customer_daily.no_order_probability_7d IS 'probability of no order within 7 days from the first moment of as_of, 0 to 1; calibrated on outcomes only at the end of the churn definition''s outcome window, elsewhere the curve of the buying process; empty where the model''s bundle tells no timing';
COMMENT ON COLUMN scores.customer_daily.no_order_probability_14d IS 'the same within 14 days';
COMMENT ON COLUMN scores.customer_daily.no_order_probability_30d IS 'the same within 30 days';
COMMENT ON COLUMN scores.customer_daily.no_order_probability_60d IS 'the same within 60 days';
COMMENT ON COLUMN scores.customer_daily.no_order_probability_90d IS 'the same within 90 days';
