CREATE OR REPLACE VIEW reports.abnormal_daily AS
WITH newest AS (
    SELECT DISTINCT ON (as_of) as_of, customers_count, buyers_count, revenue_cents, alert, caveat
    FROM abnormal.detections ORDER BY as_of, detection_id DESC
)
SELECT
    newest.as_of,
    customer.kind,
    customer.status,
    count(customer.customer_id) AS abnormal_count,
    count(customer.customer_id) FILTER (WHERE customer.is_excluded) AS excluded_count,
    newest.customers_count,
    newest.buyers_count,
    newest.alert,
    newest.caveat,
    sum(customer.revenue_cents)::bigint AS revenue_cents,
    sum(customer.revenue_cents) / nullif(greatest(newest.revenue_cents, 0), 0)::double precision AS revenue_share
FROM newest LEFT JOIN abnormal.customer_daily AS customer USING (as_of)
GROUP BY newest.as_of, customer.kind, customer.status, newest.customers_count,
    newest.buyers_count, newest.revenue_cents, newest.alert, newest.caveat;
COMMENT ON VIEW reports.abnormal_daily IS 'one row per day that was looked at, kind and status of abnormal customers, as detected: decisions made since are not in it; a day without any has one row';
COMMENT ON COLUMN reports.abnormal_daily.as_of IS 'the day';
COMMENT ON COLUMN reports.abnormal_daily.kind IS 'bot, brusher, returner or reseller; empty where nobody is abnormal';
COMMENT ON COLUMN reports.abnormal_daily.status IS 'flagged, confirmed or cleared; empty where nobody is abnormal';
COMMENT ON COLUMN reports.abnormal_daily.abnormal_count IS 'customers';
COMMENT ON COLUMN reports.abnormal_daily.excluded_count IS 'those of them left out of metrics, best sellers, training and campaigns';
COMMENT ON COLUMN reports.abnormal_daily.customers_count IS 'all customers with an order or an event in the window';
COMMENT ON COLUMN reports.abnormal_daily.buyers_count IS 'those with an order';
COMMENT ON COLUMN reports.abnormal_daily.revenue_cents IS 'what they brought within the window, refunds taken off; empty on days detected before it was counted';
COMMENT ON COLUMN reports.abnormal_daily.revenue_share IS 'its share of what all customers brought: how much metrics rest on them where they are only flagged; empty where nothing was brought';
COMMENT ON COLUMN reports.abnormal_daily.alert IS 'why flagged customers are not excluded; empty otherwise';
COMMENT ON COLUMN reports.abnormal_daily.caveat IS 'which rules are off and why; empty where none is';
