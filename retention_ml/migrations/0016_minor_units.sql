-- Amounts become units of money by what the shop's settings said when the day was scored.
ALTER TABLE scores.snapshots ADD COLUMN minor_units integer NOT NULL DEFAULT 100
    CHECK (minor_units BETWEEN 1 AND 10000);
COMMENT ON COLUMN scores.snapshots.minor_units IS 'smallest units of money in a whole one, by the settings: what amounts are divided by for readers';
