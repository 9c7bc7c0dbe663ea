-- Models of effects by which a policy chooses, as text files.
CREATE TABLE actions.policy_bundles (
    bundle_sha256 text PRIMARY KEY,
    action_id text NOT NULL,
    files jsonb NOT NULL,
    card text NOT NULL,
    stored_at timestamptz NOT NULL,
    registered_at timestamptz,
    run_id text NOT NULL
);
COMMENT ON TABLE actions.policy_bundles IS 'append-only: one row per model of the effect of an action that a policy chose by; a policy names its models by digest';
COMMENT ON COLUMN actions.policy_bundles.bundle_sha256 IS 'digest of the files';
COMMENT ON COLUMN actions.policy_bundles.action_id IS 'the action whose effect it promises, against none';
COMMENT ON COLUMN actions.policy_bundles.files IS 'the model as text files by name: coefficients or trees, and a manifest';
COMMENT ON COLUMN actions.policy_bundles.card IS 'what the model is and how good, in words (Markdown)';
COMMENT ON COLUMN actions.policy_bundles.stored_at IS 'when it was stored';
COMMENT ON COLUMN actions.policy_bundles.registered_at IS 'when MLflow was shown it; empty: not yet, the next training tries again';
COMMENT ON COLUMN actions.policy_bundles.run_id IS 'the run that wrote the row';
COMMENT ON COLUMN actions.policies.bundle_sha256 IS 'digest of the models of all actions; empty where there is none';
COMMENT ON COLUMN actions.policies.parameters IS 'what the policy decides by: of a rule save_rate and is_measured; of others actions, by name the rung, the reason, whether it may be chosen, the average effect, the save rate and the model';
