CREATE OR REPLACE VIEW reports.feedback_inbox AS
SELECT
    label.feedback_id,
    message.source,
    message.customer_id,
    label.given_on,
    label.known_on,
    message.kind,
    message.rating_share,
    message.product_id,
    label.language,
    label.characters_count,
    label.topic,
    label.route,
    label.sentiment_share,
    label.is_complaint,
    score.risk_tier,
    score.as_of AS risk_as_of,
    coalesce(label.is_complaint AND score.risk_tier IN ('high', 'critical'), FALSE) AS is_urgent,
    label.model_version
FROM feedback.messages AS label
JOIN curated.feedback AS message
    ON message.delivery_id = label.delivery_id
    AND message.line_number = label.line_number
    AND message.row_key = label.row_key
LEFT JOIN LATERAL (
    SELECT pointer.as_of, pointer.snapshot_id
    FROM scores.published AS pointer
    WHERE pointer.as_of <= label.known_on
    ORDER BY pointer.as_of DESC
    LIMIT 1
) AS published ON TRUE
LEFT JOIN scores.customer_daily AS score
    ON score.snapshot_id = published.snapshot_id AND score.customer_id = message.customer_id
WHERE message.superseded_at IS NULL
    AND (message.customer_id IS NULL OR message.customer_id NOT IN (SELECT customer_id FROM privacy.holds))
    AND (label.is_complaint OR (label.route <> 'none' AND coalesce(message.rating_share, label.sentiment_share, 0) < 0.75));
COMMENT ON VIEW reports.feedback_inbox IS 'one row per message that somebody should read: a complaint, or about a topic with a route and not pleased (a mark of .75 or more, without one a sentiment of so much); its text is in curated.feedback';
COMMENT ON COLUMN reports.feedback_inbox.feedback_id IS 'number of the rating or ticket, to find the text';
COMMENT ON COLUMN reports.feedback_inbox.source IS 'name of the source description that it came through';
COMMENT ON COLUMN reports.feedback_inbox.customer_id IS 'the customer: a pseudonym, or the shop''s number where pseudonyms are off; empty where anonymous';
COMMENT ON COLUMN reports.feedback_inbox.given_on IS 'the shop''s day on which it was given';
COMMENT ON COLUMN reports.feedback_inbox.known_on IS 'the shop''s day on which it became available';
COMMENT ON COLUMN reports.feedback_inbox.kind IS 'review, survey, complaint or return_reason';
COMMENT ON COLUMN reports.feedback_inbox.rating_share IS '0 the worst, 1 the best mark of the scale; empty without a mark';
COMMENT ON COLUMN reports.feedback_inbox.product_id IS 'what it is about';
COMMENT ON COLUMN reports.feedback_inbox.language IS 'by script: zh Chinese characters, en Latin letters of any language, other, none without letters';
COMMENT ON COLUMN reports.feedback_inbox.characters_count IS 'characters that were read, at most 5,000';
COMMENT ON COLUMN reports.feedback_inbox.topic IS 'what it is about, by words; other where no topic has words in it';
COMMENT ON COLUMN reports.feedback_inbox.route IS 'who reads messages of the topic; none: only complaints are to be read';
COMMENT ON COLUMN reports.feedback_inbox.sentiment_share IS 'probability that the text is positive, 0 to 1; empty where there is nothing to read or no weights for the script';
COMMENT ON COLUMN reports.feedback_inbox.is_complaint IS 'a complaint or reason of a return, or a mark below the middle; without a mark a text that sounds negative';
COMMENT ON COLUMN reports.feedback_inbox.risk_tier IS 'tier of the customer on the newest published day up to known_on, as published now; empty where that day did not score them';
COMMENT ON COLUMN reports.feedback_inbox.risk_as_of IS 'that day';
COMMENT ON COLUMN reports.feedback_inbox.is_urgent IS 'a complaint of a customer whose risk tier was high or critical then';
COMMENT ON COLUMN reports.feedback_inbox.model_version IS 'what told the sentiment: digests of the starter and of the shop''s own weights';
