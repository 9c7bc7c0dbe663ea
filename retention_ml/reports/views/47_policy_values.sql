CREATE OR REPLACE VIEW reports.policy_values AS
SELECT
    as_of,
    as_of = (SELECT max(newest.as_of) FROM actions.policy_values AS newest) AS is_newest,
    policy,
    is_fixed_winner,
    log_from,
    log_to,
    decisions_count,
    effective_count,
    weight_max,
    support_share,
    balance_p,
    ips,
    snips,
    value,
    value_lower,
    value_upper,
    difference,
    lower,
    upper,
    verdict,
    reason
FROM actions.policy_values;
COMMENT ON VIEW reports.policy_values IS 'one row per training and policy: what it would have brought on the decisions drawn by lot; empty unless a bandit may decide ([bandit] enabled)';
COMMENT ON COLUMN reports.policy_values.as_of IS 'day of the training';
COMMENT ON COLUMN reports.policy_values.is_newest IS 'whether it is of the newest training';
COMMENT ON COLUMN reports.policy_values.policy IS 'bandit, or an action for everybody who could get it';
COMMENT ON COLUMN reports.policy_values.is_fixed_winner IS 'the best action for everybody, with which all are compared';
COMMENT ON COLUMN reports.policy_values.log_from IS 'first decision day of the log';
COMMENT ON COLUMN reports.policy_values.log_to IS 'last decision day of the log';
COMMENT ON COLUMN reports.policy_values.decisions_count IS 'decisions drawn by lot whose outcome was known';
COMMENT ON COLUMN reports.policy_values.effective_count IS 'decisions of equal weight that would say as much';
COMMENT ON COLUMN reports.policy_values.weight_max IS 'decisions for which one of the log stands at most';
COMMENT ON COLUMN reports.policy_values.support_share IS 'share of the decisions in which the policies could have been followed';
COMMENT ON COLUMN reports.policy_values.balance_p IS 'chance of such a log if the propensities are true; below .01 nothing is evaluated';
COMMENT ON COLUMN reports.policy_values.ips IS 'money a decision by weighted outcomes alone, in the shop''s currency';
COMMENT ON COLUMN reports.policy_values.snips IS 'the same over the sum of the weights';
COMMENT ON COLUMN reports.policy_values.value IS 'money a decision, doubly robust, in the shop''s currency; empty: not evaluable';
COMMENT ON COLUMN reports.policy_values.value_lower IS 'lower end of its 95 % interval';
COMMENT ON COLUMN reports.policy_values.value_upper IS 'upper end of its 95 % interval';
COMMENT ON COLUMN reports.policy_values.difference IS 'what it brings more a decision than the best action for everybody';
COMMENT ON COLUMN reports.policy_values.lower IS 'lower end of its interval, which holds at all trainings together';
COMMENT ON COLUMN reports.policy_values.upper IS 'upper end of its interval';
COMMENT ON COLUMN reports.policy_values.verdict IS 'better, worse, undecided or not evaluable';
COMMENT ON COLUMN reports.policy_values.reason IS 'why, in words';
