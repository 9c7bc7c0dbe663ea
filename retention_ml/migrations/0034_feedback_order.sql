-- Messages are read page by page in this order; it serves what the index on delivery_id alone did.
CREATE INDEX feedback_delivery_line ON curated.feedback (delivery_id, line_number, row_key);
DROP INDEX curated.feedback_delivery;
