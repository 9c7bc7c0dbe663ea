CREATE OR REPLACE VIEW reports.abnormal_customers AS
WITH latest AS (
    SELECT as_of FROM abnormal.detections ORDER BY as_of DESC LIMIT 1
), decided AS (
    SELECT DISTINCT ON (customer_id, kind)
        customer_id, kind, decided_by, reason, decided_at
    FROM abnormal.decisions WHERE decision <> 'flagged'
    ORDER BY customer_id, kind, decision_id DESC
), flagged AS (
    SELECT customer_id, kind, min(as_of) AS flagged_since
    FROM abnormal.decisions WHERE decision = 'flagged' GROUP BY customer_id, kind
)
SELECT
    customer.as_of,
    customer.customer_id,
    customer.kind,
    customer.status,
    customer.score,
    customer.evidence,
    customer.is_excluded,
    flagged.flagged_since,
    decided.decided_by,
    decided.reason,
    decided.decided_at
FROM abnormal.customer_daily AS customer
JOIN latest USING (as_of)
LEFT JOIN decided USING (customer_id, kind)
LEFT JOIN flagged USING (customer_id, kind);
COMMENT ON VIEW reports.abnormal_customers IS 'one row per customer who is flagged, confirmed or cleared as abnormal on the latest day that was looked at';
COMMENT ON COLUMN reports.abnormal_customers.as_of IS 'the day';
COMMENT ON COLUMN reports.abnormal_customers.customer_id IS 'the shop''s customer number';
COMMENT ON COLUMN reports.abnormal_customers.kind IS 'bot, brusher (fake orders), returner or reseller';
COMMENT ON COLUMN reports.abnormal_customers.status IS 'flagged, confirmed by a person, or cleared by one';
COMMENT ON COLUMN reports.abnormal_customers.score IS 'how far ahead of all customers by rules and isolation forest; 1 is first by both';
COMMENT ON COLUMN reports.abnormal_customers.evidence IS 'what speaks for it, with the customer''s own numbers';
COMMENT ON COLUMN reports.abnormal_customers.is_excluded IS 'left out of metrics, best sellers, training and campaigns';
COMMENT ON COLUMN reports.abnormal_customers.flagged_since IS 'first day on which the rule flagged them';
COMMENT ON COLUMN reports.abnormal_customers.decided_by IS 'the person whose decision counts; empty without one';
COMMENT ON COLUMN reports.abnormal_customers.reason IS 'why they decided so';
COMMENT ON COLUMN reports.abnormal_customers.decided_at IS 'when';
