-- An alert about actions stands until what it says is over; then it may come again, on the same day too.
ALTER TABLE ops.alerts ADD COLUMN cleared_at timestamptz;
ALTER TABLE ops.alerts DROP CONSTRAINT alerts_as_of_kind_subject_key;
CREATE UNIQUE INDEX alerts_standing ON ops.alerts (as_of, kind, subject) WHERE cleared_at IS NULL;
COMMENT ON TABLE ops.alerts IS 'one row per alert that was raised; none is removed, only cleared_at is filled in';
COMMENT ON COLUMN ops.alerts.cleared_at IS 'when a watch saw that it was over, or that a newer alert of the same kind and subject took its place; empty: it stands, or is of a kind that is not watched until it ends';
-- The newest receipts of a door are looked for by its name.
CREATE INDEX receipts_of_door ON ops.receipts (door, receipt_id);
