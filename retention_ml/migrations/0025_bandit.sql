-- What policies would have earned on the shop's own decisions, and a bandit's state as a bundle.
ALTER TABLE actions.policy_bundles ALTER COLUMN action_id DROP NOT NULL;
COMMENT ON TABLE actions.policy_bundles IS 'append-only: one row per model of effects that a policy chose or drew by; a policy names its models by digest';
COMMENT ON COLUMN actions.policy_bundles.action_id IS 'the action whose effect it promises, against none; empty: of all actions together, a bandit''s';
COMMENT ON COLUMN actions.policies.parameters IS 'what the policy decides by: of a rule save_rate and is_measured; of others actions, by name the rung, the reason, whether it may be chosen, the average effect, the save rate and the model; of a bandit also its model, floors and draws';
COMMENT ON COLUMN actions.days.explore_share IS 'probability with which a customer''s action was drawn by lot; 1 where a bandit drew, by the propensities of each';

CREATE TABLE actions.policy_values (
    as_of date NOT NULL,
    policy text NOT NULL,
    is_fixed_winner boolean NOT NULL,
    log_from date NOT NULL,
    log_to date NOT NULL,
    decisions_count bigint NOT NULL CHECK (decisions_count > 0),
    effective_count double precision NOT NULL,
    weight_max double precision NOT NULL,
    support_share double precision NOT NULL,
    balance_p double precision NOT NULL,
    ips double precision,
    snips double precision,
    value double precision,
    value_lower double precision,
    value_upper double precision,
    difference double precision,
    lower double precision,
    upper double precision,
    verdict text NOT NULL CHECK (verdict IN ('better', 'worse', 'undecided', 'not evaluable')),
    reason text NOT NULL,
    evaluated_at timestamptz NOT NULL,
    run_id text NOT NULL,
    PRIMARY KEY (as_of, policy)
);
COMMENT ON TABLE actions.policy_values IS 'one row per training and policy: what it would have brought on the decisions drawn by lot, against the best action for everybody; a training of the same day replaces its rows';
COMMENT ON COLUMN actions.policy_values.as_of IS 'day of the training; outcomes as known at its start';
COMMENT ON COLUMN actions.policy_values.policy IS 'bandit: drawn by the bandit as it was before each decision; otherwise that action for everybody who could draw it, none for the others';
COMMENT ON COLUMN actions.policy_values.is_fixed_winner IS 'whether it is the best action for everybody, with which all are compared';
COMMENT ON COLUMN actions.policy_values.log_from IS 'first decision day of the log';
COMMENT ON COLUMN actions.policy_values.log_to IS 'last decision day of the log';
COMMENT ON COLUMN actions.policy_values.decisions_count IS 'decisions of the log';
COMMENT ON COLUMN actions.policy_values.effective_count IS 'decisions of equal weight that would say as much; the smaller of both policies';
COMMENT ON COLUMN actions.policy_values.weight_max IS 'largest 1/p of a drawn action';
COMMENT ON COLUMN actions.policy_values.support_share IS 'share of the decisions in which both policies could have been followed, 0 to 1';
COMMENT ON COLUMN actions.policy_values.balance_p IS 'p-value of the test that actions were drawn as the propensities say';
COMMENT ON COLUMN actions.policy_values.ips IS 'money a decision by weighted outcomes alone, in the shop''s currency; empty where not evaluable';
COMMENT ON COLUMN actions.policy_values.snips IS 'the same over the sum of the weights';
COMMENT ON COLUMN actions.policy_values.value IS 'money a decision by the doubly robust estimate, in the shop''s currency; empty where not evaluable';
COMMENT ON COLUMN actions.policy_values.value_lower IS 'lower end of its interval';
COMMENT ON COLUMN actions.policy_values.value_upper IS 'upper end of its interval';
COMMENT ON COLUMN actions.policy_values.difference IS 'what it brings more a decision than the best action for everybody';
COMMENT ON COLUMN actions.policy_values.lower IS 'lower end of its interval, which holds at all trainings together';
COMMENT ON COLUMN actions.policy_values.upper IS 'upper end of its interval';
COMMENT ON COLUMN actions.policy_values.verdict IS 'better, worse, undecided or not evaluable, against the best action for everybody';
COMMENT ON COLUMN actions.policy_values.reason IS 'why, in words';
COMMENT ON COLUMN actions.policy_values.evaluated_at IS 'when it was evaluated';
COMMENT ON COLUMN actions.policy_values.run_id IS 'the run that wrote the row';
