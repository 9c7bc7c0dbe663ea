-- What readers are promised of a published day: when it was due, and when its outcome will be known.
ALTER TABLE scores.published
    ADD COLUMN timezone text,
    ADD COLUMN due_time time,
    ADD COLUMN outcome_from date,
    ADD COLUMN outcome_until date,
    ADD CHECK ((outcome_from IS NULL) = (outcome_until IS NULL)),
    ADD CHECK (outcome_from < outcome_until);
COMMENT ON COLUMN scores.published.timezone IS 'the shop''s time zone when it was published; empty for days published before this was kept';
COMMENT ON COLUMN scores.published.due_time IS 'by when, on the shop''s clock, scores of the day itself were due; likewise';
COMMENT ON COLUMN scores.published.outcome_from IS 'first day of the outcome window that the probability is about; empty where the model predicts another churn definition than that of the settings, likewise';
COMMENT ON COLUMN scores.published.outcome_until IS 'the day after its last day';

-- One customer's changes of tier are read over all days.
CREATE INDEX tier_transitions_customer ON scores.tier_transitions (customer_id);

-- The country of one customer, and of all who are shown, is looked up by number.
CREATE INDEX customers_customer ON curated.customers (customer_id);
