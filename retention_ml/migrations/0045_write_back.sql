-- A key that is looked up for each of a million rows costs more than writing them. A snapshot's rows
-- are written in the transaction that writes its manifest; `maintenance` asks for rows without one
-- (decision 53).
ALTER TABLE scores.customer_daily DROP CONSTRAINT customer_daily_snapshot_id_fkey;
ALTER TABLE scores.tier_transitions DROP CONSTRAINT tier_transitions_snapshot_id_fkey;
ALTER TABLE recommendations.customer_daily DROP CONSTRAINT customer_daily_snapshot_id_fkey;
ALTER TABLE profiles.customer_daily DROP CONSTRAINT customer_daily_snapshot_id_fkey;
ALTER TABLE profiles.customer_value DROP CONSTRAINT customer_value_snapshot_id_fkey;
