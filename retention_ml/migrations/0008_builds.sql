-- Features are checked before they are stored; rows and record are one transaction (decision 24).
COMMENT ON TABLE features.builds IS 'one row per feature build, written in one transaction with its rows after they passed their suite: the newest of a day tells what features.customer_daily holds for it';
COMMENT ON COLUMN features.builds.features_digest IS 'digest of all values of the day; whoever reads the whole day compares it';
COMMENT ON COLUMN features.builds.catalogue_sha256 IS 'digest of what decides the meaning of the features: the version and columns of the catalogue, the time zone, who is active';
COMMENT ON COLUMN outcomes.drift.measure IS 'psi, jensen_shannon, share, roc_auc and others: sizes of effects, not p-values; not_compared where there was nothing to compare with';
COMMENT ON COLUMN outcomes.drift.threshold IS 'from where on it counts; empty where it is only shown, as for a feature that looks back to before the shop''s first order';
COMMENT ON COLUMN outcomes.drift.reference IS 'what it is compared with, or why it is not';
