-- What customers write: language, sentiment, topic and route of every message. The text stays in curated.
CREATE SCHEMA feedback;

CREATE TABLE feedback.fits (
    fit_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    as_of date NOT NULL,
    language text NOT NULL CHECK (language IN ('zh', 'en', 'other')),
    texts_count bigint NOT NULL CHECK (texts_count > 0),
    is_in_force boolean NOT NULL,
    reason text NOT NULL,
    starter_auc double precision,
    auc double precision NOT NULL,
    weights bytea NOT NULL,
    intercept double precision NOT NULL,
    sha256 text NOT NULL,
    run_id text NOT NULL,
    fitted_at timestamptz NOT NULL
);
COMMENT ON TABLE feedback.fits IS 'append-only: one row per fit of a shop''s own weights to its rated messages of a language; of a day the newest one up to it counts';
COMMENT ON COLUMN feedback.fits.fit_id IS 'number of the fit';
COMMENT ON COLUMN feedback.fits.as_of IS 'the day up to whose start rated messages are known to it';
COMMENT ON COLUMN feedback.fits.language IS 'zh, en (any text in Latin letters) or other';
COMMENT ON COLUMN feedback.fits.texts_count IS 'rated messages n behind it; it counts n / (n + 300), the starter the rest';
COMMENT ON COLUMN feedback.fits.is_in_force IS 'whether messages are read with it; if not, with the one before, else with the starter alone';
COMMENT ON COLUMN feedback.fits.reason IS 'why, in words';
COMMENT ON COLUMN feedback.fits.starter_auc IS 'ROC AUC of the starter alone on the rated messages; empty where the language has none';
COMMENT ON COLUMN feedback.fits.auc IS 'the same of starter and own weights together, each message read by weights that have not met it';
COMMENT ON COLUMN feedback.fits.weights IS 'one weight per bucket of hashed runs of words or characters, little-endian float16; no text';
COMMENT ON COLUMN feedback.fits.intercept IS 'log-odds of a message without known runs';
COMMENT ON COLUMN feedback.fits.sha256 IS 'digest of weights and intercept';
COMMENT ON COLUMN feedback.fits.run_id IS 'the run that wrote the row';
COMMENT ON COLUMN feedback.fits.fitted_at IS 'when';

CREATE TABLE feedback.labelled (
    delivery_id bigint PRIMARY KEY,
    labels_sha256 text NOT NULL,
    messages_count bigint NOT NULL,
    labelled_at timestamptz NOT NULL,
    run_id text NOT NULL
);
COMMENT ON TABLE feedback.labelled IS 'one row per accepted delivery whose messages have been read, also where it has none';
COMMENT ON COLUMN feedback.labelled.delivery_id IS 'the delivery in raw.deliveries';
COMMENT ON COLUMN feedback.labelled.labels_sha256 IS 'digest of topics, words, starter and calendar: with others all messages are read again';
COMMENT ON COLUMN feedback.labelled.messages_count IS 'messages that it brought';
COMMENT ON COLUMN feedback.labelled.labelled_at IS 'when they were read';
COMMENT ON COLUMN feedback.labelled.run_id IS 'the run that read them';

CREATE TABLE feedback.messages (
    delivery_id bigint NOT NULL,
    line_number bigint NOT NULL,
    row_key bytea NOT NULL,
    feedback_id text NOT NULL,
    given_on date NOT NULL,
    known_on date NOT NULL,
    language text NOT NULL CHECK (language IN ('zh', 'en', 'other', 'none')),
    characters_count integer NOT NULL,
    sentiment_share double precision CHECK (sentiment_share BETWEEN 0 AND 1),
    topic text NOT NULL,
    area text NOT NULL CHECK (area IN ('delivery', 'goods', 'price', 'service', 'none')),
    route text NOT NULL,
    is_complaint boolean NOT NULL,
    model_version text NOT NULL,
    PRIMARY KEY (delivery_id, line_number, row_key)
);
COMMENT ON TABLE feedback.messages IS 'one row per version of a message in curated.feedback: what it is about and how it sounds, without its text';
COMMENT ON COLUMN feedback.messages.delivery_id IS 'the delivery of the version';
COMMENT ON COLUMN feedback.messages.line_number IS 'line (or row) of the version in its file';
COMMENT ON COLUMN feedback.messages.row_key IS 'key of the message, as in curated.feedback';
COMMENT ON COLUMN feedback.messages.feedback_id IS 'number of the rating or ticket';
COMMENT ON COLUMN feedback.messages.given_on IS 'the shop''s day on which it was given';
COMMENT ON COLUMN feedback.messages.known_on IS 'the shop''s day on which it became available';
COMMENT ON COLUMN feedback.messages.language IS 'by script: zh Chinese characters, en Latin letters of any language, other, none without letters';
COMMENT ON COLUMN feedback.messages.characters_count IS 'characters that were read, at most 5,000';
COMMENT ON COLUMN feedback.messages.sentiment_share IS 'probability that the text is positive, 0 to 1; empty where there is nothing to read or no weights for the script';
COMMENT ON COLUMN feedback.messages.topic IS 'what it is about, by words: a topic of the library or of the shop''s topics.toml, or other';
COMMENT ON COLUMN feedback.messages.area IS 'what a complaint about the topic counts as among the features; none: as nothing';
COMMENT ON COLUMN feedback.messages.route IS 'who reads it, by topic; none: nobody';
COMMENT ON COLUMN feedback.messages.is_complaint IS 'a complaint or reason of a return, or a mark below the middle; without a mark a text that sounds negative';
COMMENT ON COLUMN feedback.messages.model_version IS 'what told the sentiment: digests of the starter and of the shop''s own weights';

ALTER TABLE features.customer_day
    ADD COLUMN complaints_delivery_count bigint NOT NULL DEFAULT 0,
    ADD COLUMN complaints_goods_count bigint NOT NULL DEFAULT 0,
    ADD COLUMN complaints_price_count bigint NOT NULL DEFAULT 0,
    ADD COLUMN complaints_service_count bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN features.customer_day.complaints_delivery_count IS 'complaints, reasons of returns and marks below the middle whose text is about delivery';
COMMENT ON COLUMN features.customer_day.complaints_goods_count IS 'the same about the goods: broken, wrong or of the wrong size';
COMMENT ON COLUMN features.customer_day.complaints_price_count IS 'the same about prices and payments';
COMMENT ON COLUMN features.customer_day.complaints_service_count IS 'the same about service, returns and refunds';

ALTER TABLE features.rolled_up ADD COLUMN labels_sha256 text;
COMMENT ON COLUMN features.rolled_up.labels_sha256 IS 'digest of the topics whose complaints were counted; deliveries of messages counted by others are rolled up again';
