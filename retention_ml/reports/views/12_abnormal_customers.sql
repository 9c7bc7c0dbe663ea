-- People's decisions that the detection did not know come on top of it, as for every reader.
CREATE OR REPLACE VIEW reports.abnormal_customers AS
WITH latest AS (
    SELECT as_of, newest_decision_id FROM abnormal.detections
    ORDER BY as_of DESC, detection_id DESC LIMIT 1
), decided AS (
    SELECT DISTINCT ON (customer_id, kind)
        decision.customer_id,
        decision.kind,
        decision.decision,
        decision.evidence,
        decision.is_excluded,
        decision.decided_by,
        decision.reason,
        decision.decided_at,
        decision.decision_id > latest.newest_decision_id AS is_later
    FROM abnormal.decisions AS decision
    JOIN latest ON decision.as_of <= latest.as_of
    WHERE decision.decision <> 'flagged'
    ORDER BY customer_id, kind, decision_id DESC
), later AS (
    SELECT * FROM decided WHERE is_later
), flagged AS (
    SELECT decision.customer_id, decision.kind, min(decision.as_of) AS flagged_since
    FROM abnormal.decisions AS decision
    JOIN latest ON decision.as_of <= latest.as_of
    WHERE decision.decision = 'flagged'
    GROUP BY decision.customer_id, decision.kind
), detected AS (
    SELECT customer.* FROM abnormal.customer_daily AS customer JOIN latest USING (as_of)
), excluded AS (
    SELECT detected.customer_id FROM detected LEFT JOIN later USING (customer_id, kind)
    WHERE detected.is_excluded AND coalesce(later.is_excluded, true)
    UNION
    SELECT customer_id FROM later WHERE is_excluded
), candidates AS (
    SELECT
        detected.customer_id,
        detected.kind,
        coalesce(later.decision, detected.status) AS status,
        detected.score,
        detected.evidence
    FROM detected LEFT JOIN later USING (customer_id, kind)
    UNION ALL
    SELECT
        later.customer_id,
        later.kind,
        later.decision,
        coalesce(scored.score, 0),
        coalesce(later.evidence, 'Nothing was detected; a person confirmed it.')
    FROM later
    LEFT JOIN detected AS scored USING (customer_id)
    WHERE later.decision = 'confirmed' AND scored.kind IS DISTINCT FROM later.kind
), customer AS (
    SELECT DISTINCT ON (customer_id) * FROM candidates
    ORDER BY customer_id, status = 'confirmed' DESC, status = 'flagged' DESC, kind
)
SELECT
    latest.as_of,
    customer.customer_id,
    customer.kind,
    customer.status,
    customer.score,
    customer.evidence,
    customer.customer_id IN (SELECT customer_id FROM excluded) AS is_excluded,
    flagged.flagged_since,
    decided.decided_by,
    decided.reason,
    decided.decided_at
FROM customer
CROSS JOIN latest
LEFT JOIN decided USING (customer_id, kind)
LEFT JOIN flagged USING (customer_id, kind)
WHERE customer.customer_id NOT IN (SELECT customer_id FROM privacy.holds);
COMMENT ON VIEW reports.abnormal_customers IS 'one row per customer who is flagged, confirmed or cleared as abnormal on the latest day that was looked at, with the decisions that hold on it, also those made since';
COMMENT ON COLUMN reports.abnormal_customers.as_of IS 'the day';
COMMENT ON COLUMN reports.abnormal_customers.customer_id IS 'the customer: a pseudonym, or the shop''s number where pseudonyms are off';
COMMENT ON COLUMN reports.abnormal_customers.kind IS 'bot, brusher (fake orders), returner or reseller';
COMMENT ON COLUMN reports.abnormal_customers.status IS 'flagged, confirmed by a person, or cleared by one';
COMMENT ON COLUMN reports.abnormal_customers.score IS 'how far ahead of all customers by rules and isolation forest; 1 is first by both, 0 where nothing was detected';
COMMENT ON COLUMN reports.abnormal_customers.evidence IS 'what speaks for it, with the customer''s own numbers';
COMMENT ON COLUMN reports.abnormal_customers.is_excluded IS 'left out of metrics, best sellers, training and campaigns';
COMMENT ON COLUMN reports.abnormal_customers.flagged_since IS 'first day on which the rule flagged them';
COMMENT ON COLUMN reports.abnormal_customers.decided_by IS 'the person whose decision counts; empty without one';
COMMENT ON COLUMN reports.abnormal_customers.reason IS 'why they decided so';
COMMENT ON COLUMN reports.abnormal_customers.decided_at IS 'when';
