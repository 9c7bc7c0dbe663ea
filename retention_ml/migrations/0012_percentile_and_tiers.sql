-- What a percentile says where customers are equally at risk, and what tiers by rank go by.
COMMENT ON COLUMN scores.customer_daily.risk_percentile IS 'rank by churn_probability as a share of the day''s customers, above 0 to 1: 1 is the most at risk, 0.97 is at no less risk than 97 % of them; equal probabilities share the mean of their ranks';
COMMENT ON COLUMN scores.snapshots.tiers_by IS 'what put customers in tiers: probability (a level), share (the rank by probability) or value (the rank by value at risk), each model ranking all whom it predicts';
