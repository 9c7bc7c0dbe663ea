-- Who was excluded as abnormal leaves what is measured and is counted beside it; old profiles are pruned.
ALTER TABLE models.labels ADD COLUMN is_abnormal boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN models.labels.is_abnormal IS 'excluded as a bot, for fake orders or the like on the day on which the outcome had settled: counts in no figure but that of abnormal customers';

ALTER TABLE models.label_windows ADD COLUMN abnormal_count bigint NOT NULL DEFAULT 0 CHECK (abnormal_count >= 0);
COMMENT ON COLUMN models.label_windows.customers_count IS 'active customers, without those who were excluded as abnormal when the outcome had settled; with them on days whose outcome was stated before they were told apart';
COMMENT ON COLUMN models.label_windows.churned_count IS 'those of them without an order in the window';
COMMENT ON COLUMN models.label_windows.abnormal_count IS 'active customers who were excluded as abnormal when the outcome had settled; 0 on days whose outcome was stated before they were told apart';

ALTER TABLE outcomes.performance ADD COLUMN abnormal_count bigint NOT NULL DEFAULT 0 CHECK (abnormal_count >= 0);
COMMENT ON COLUMN outcomes.performance.abnormal_count IS 'scored customers left out because they were excluded as abnormal when the outcome had settled';

ALTER TABLE outcomes.list_performance ADD COLUMN abnormal_count bigint NOT NULL DEFAULT 0 CHECK (abnormal_count >= 0);
COMMENT ON COLUMN outcomes.list_performance.abnormal_count IS 'customers with a list left out because they were excluded as abnormal when the window had closed and settled';

ALTER TABLE experiments.holdout_looks ADD COLUMN abnormal_count bigint NOT NULL DEFAULT 0 CHECK (abnormal_count >= 0);
COMMENT ON COLUMN experiments.holdout_looks.abnormal_count IS 'customers who never joined because they were excluded as abnormal at the beginning of every window in which they were active';

ALTER TABLE abnormal.customer_daily ADD COLUMN revenue_cents bigint;
COMMENT ON COLUMN abnormal.customer_daily.revenue_cents IS 'what the customer brought within the window, refunds taken off; empty on days detected before it was counted';
ALTER TABLE abnormal.detections ADD COLUMN revenue_cents bigint;
COMMENT ON COLUMN abnormal.detections.revenue_cents IS 'what all customers brought within the window, refunds taken off; empty where detected before it was counted';

-- Rows of customers of old days are deleted, the figures of the days stay.
ALTER TABLE profiles.snapshots ADD COLUMN customers_pruned_at timestamptz;
COMMENT ON COLUMN profiles.snapshots.customers_pruned_at IS 'when the rows of its customers were deleted because the day is long past; empty while they are there';
