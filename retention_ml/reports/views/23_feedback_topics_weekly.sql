CREATE OR REPLACE VIEW reports.feedback_topics_weekly AS
SELECT
    date_trunc('week', label.given_on)::date AS week_from,
    label.topic,
    label.language,
    count(*) AS messages_count,
    count(*) FILTER (WHERE label.is_complaint) AS complaints_count,
    count(DISTINCT message.customer_id) AS customers_count,
    avg(label.sentiment_share) AS sentiment_mean_share,
    avg(message.rating_share) AS rating_mean_share,
    count(*)::double precision / sum(count(*)) OVER (PARTITION BY date_trunc('week', label.given_on)) AS messages_share
FROM feedback.messages AS label
JOIN curated.feedback AS message
    ON message.delivery_id = label.delivery_id
    AND message.line_number = label.line_number
    AND message.row_key = label.row_key
WHERE message.superseded_at IS NULL AND label.characters_count > 0
GROUP BY date_trunc('week', label.given_on), label.topic, label.language;
COMMENT ON VIEW reports.feedback_topics_weekly IS 'one row per week, topic and language of messages with a text, as known now';
COMMENT ON COLUMN reports.feedback_topics_weekly.week_from IS 'Monday of the week in which the messages were given, on the shop''s calendar';
COMMENT ON COLUMN reports.feedback_topics_weekly.topic IS 'what they are about, by words; other where no topic has words in it';
COMMENT ON COLUMN reports.feedback_topics_weekly.language IS 'by script: zh Chinese characters, en Latin letters of any language, other, none without letters';
COMMENT ON COLUMN reports.feedback_topics_weekly.messages_count IS 'messages';
COMMENT ON COLUMN reports.feedback_topics_weekly.complaints_count IS 'complaints, reasons of returns, marks below the middle, and unrated texts that sound negative';
COMMENT ON COLUMN reports.feedback_topics_weekly.customers_count IS 'different customers who wrote them; guests are not counted';
COMMENT ON COLUMN reports.feedback_topics_weekly.sentiment_mean_share IS 'mean probability that a text is positive, 0 to 1; empty where none could be told';
COMMENT ON COLUMN reports.feedback_topics_weekly.rating_mean_share IS 'mean mark, 0 the worst and 1 the best; empty without marks';
COMMENT ON COLUMN reports.feedback_topics_weekly.messages_share IS 'messages as a share of all messages of the week';
