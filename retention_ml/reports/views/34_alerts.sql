CREATE OR REPLACE VIEW reports.alerts AS
SELECT
    alert.alert_id,
    alert.as_of,
    alert.kind,
    alert.subject,
    alert.severity,
    alert.sentence,
    alert.runbook,
    alert.run_id,
    alert.raised_at,
    alert.cleared_at
FROM ops.alerts AS alert;
COMMENT ON VIEW reports.alerts IS 'one row per alert that was raised; none is ever removed';
COMMENT ON COLUMN reports.alerts.alert_id IS 'number of the alert';
COMMENT ON COLUMN reports.alerts.as_of IS 'the day it is about';
COMMENT ON COLUMN reports.alerts.kind IS 'what was noticed, such as input_drift';
COMMENT ON COLUMN reports.alerts.subject IS 'the thing it was noticed on';
COMMENT ON COLUMN reports.alerts.severity IS 'warning or critical';
COMMENT ON COLUMN reports.alerts.sentence IS 'what happened and what it was compared with, in words';
COMMENT ON COLUMN reports.alerts.runbook IS 'the section of docs/runbook.md that says what to do';
COMMENT ON COLUMN reports.alerts.run_id IS 'the run that raised it';
COMMENT ON COLUMN reports.alerts.raised_at IS 'when it was raised';
COMMENT ON COLUMN reports.alerts.cleared_at IS 'when it was seen to be over, or a newer one took its place; empty: it stands, or is of a kind that is not watched until it ends';
