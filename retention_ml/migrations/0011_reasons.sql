-- By which rules the reasons of a snapshot were made, and what the code of a first reason may be.
ALTER TABLE scores.snapshots ADD COLUMN reasons_version integer;
COMMENT ON COLUMN scores.snapshots.reasons_version IS 'version of the rules by which reasons are chosen; days of different versions are not compared; empty where scored before there was one';

COMMENT ON COLUMN scores.customer_daily.reason_1_code IS 'family and feature of the first reason: of what a person would call a risk the strongest push towards churn; fallback/ and a column where nothing is both a push and a risk; empty only in tier low';
COMMENT ON COLUMN scores.customer_daily.reason_1 IS 'the first reason in words; where the code is fallback/, what there is to say of a customer at risk without one';
