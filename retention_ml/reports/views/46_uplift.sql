CREATE OR REPLACE VIEW reports.uplift AS
SELECT
    policy.policy_id,
    policy.kind,
    policy.in_force_from,
    policy.policy_id = (
        SELECT newest.policy_id FROM actions.policies AS newest
        ORDER BY newest.in_force_from DESC, newest.decided_at DESC, newest.policy_id DESC LIMIT 1
    ) AS is_newest,
    effect.key AS action_id,
    effect.value ->> 'rung' AS rung,
    coalesce((policy.parameters #>> ARRAY['actions', effect.key, 'can_choose'])::boolean, false) AS can_choose,
    coalesce(effect.value ->> 'reason', policy.reason) AS reason,
    (effect.value ->> 'decisions_count')::bigint AS decisions_count,
    (effect.value ->> 'treated_count')::bigint AS treated_count,
    (effect.value #>> '{effect,value}')::double precision AS effect,
    (effect.value #>> '{effect,lower}')::double precision AS lower,
    (effect.value #>> '{effect,upper}')::double precision AS upper,
    (effect.value #>> '{save_rate,value}')::double precision AS save_rate,
    effect.value ->> 'learner' AS learner,
    1000 * (effect.value #>> '{qini,value}')::double precision AS qini_per_1000,
    1000 * (effect.value #>> '{qini,lower}')::double precision AS qini_lower,
    1000 * (effect.value #>> '{qini,upper}')::double precision AS qini_upper,
    (effect.value #>> '{slope,value}')::double precision AS slope,
    (effect.value ->> 'believed')::double precision AS believed,
    1000 * (effect.value #>> '{profit,value}')::double precision AS profit_per_1000,
    1000 * (effect.value #>> '{profit,lower}')::double precision AS profit_lower,
    1000 * (effect.value #>> '{profit,upper}')::double precision AS profit_upper,
    (effect.value ->> 'contacted_share')::double precision AS contacted_share,
    policy.parameters #>> ARRAY['actions', effect.key, 'bundle_sha256'] AS bundle_sha256,
    policy.decided_by,
    policy.decided_at,
    (policy.parameters ->> 'save_rate')::double precision AS assumed_save_rate
FROM actions.policies AS policy
LEFT JOIN LATERAL jsonb_each(policy.evidence) AS effect (key, value) ON true;
COMMENT ON VIEW reports.uplift IS 'one row per policy and action: what contacts were measured to do, and why the policy may or may not choose by it; a policy without evidence has one row without an action';
COMMENT ON COLUMN reports.uplift.policy_id IS 'kind and version of the policy';
COMMENT ON COLUMN reports.uplift.kind IS 'rule: value at risk times save rate; experiment: by the average effect, where it is proven; uplift: by the effect on each customer; bandit: drawn by how likely an action is to bring the most money';
COMMENT ON COLUMN reports.uplift.in_force_from IS 'first decision day';
COMMENT ON COLUMN reports.uplift.is_newest IS 'whether no other policy came after it';
COMMENT ON COLUMN reports.uplift.action_id IS 'the action, against leaving the customer alone';
COMMENT ON COLUMN reports.uplift.rung IS 'what the evidence allows: nobody, rule, experiment, uplift or bandit';
COMMENT ON COLUMN reports.uplift.can_choose IS 'whether the action may be chosen; otherwise it is only drawn by lot';
COMMENT ON COLUMN reports.uplift.reason IS 'why, in words';
COMMENT ON COLUMN reports.uplift.decisions_count IS 'decisions drawn by lot whose outcome was known';
COMMENT ON COLUMN reports.uplift.treated_count IS 'those of them who were contacted';
COMMENT ON COLUMN reports.uplift.effect IS 'average change of the probability of an order; empty: not measured';
COMMENT ON COLUMN reports.uplift.lower IS 'lower end of its 95 % interval, for this training alone';
COMMENT ON COLUMN reports.uplift.upper IS 'upper end of its 95 % interval';
COMMENT ON COLUMN reports.uplift.save_rate IS 'share of would-be churners retained: the effect over the mean probability of churn';
COMMENT ON COLUMN reports.uplift.learner IS 'the learner whose effects are used';
COMMENT ON COLUMN reports.uplift.qini_per_1000 IS 'what its ranking gains over a draw by lot, per 1,000 customers; on customers it had not seen';
COMMENT ON COLUMN reports.uplift.qini_lower IS 'lower end of its 95 % interval, for this training alone';
COMMENT ON COLUMN reports.uplift.qini_upper IS 'upper end of its 95 % interval';
COMMENT ON COLUMN reports.uplift.slope IS 'calibration slope: 1 where the promised differences between customers came true';
COMMENT ON COLUMN reports.uplift.believed IS 'the share of these differences that is used, 0 to 1';
COMMENT ON COLUMN reports.uplift.profit_per_1000 IS 'profit of contacting where it pays, per 1,000 customers, in the shop''s currency';
COMMENT ON COLUMN reports.uplift.profit_lower IS 'lower end of its 95 % interval';
COMMENT ON COLUMN reports.uplift.profit_upper IS 'upper end of its 95 % interval';
COMMENT ON COLUMN reports.uplift.contacted_share IS 'share of the customers whose contact pays, 0 to 1';
COMMENT ON COLUMN reports.uplift.bundle_sha256 IS 'digest of the model, in actions.policy_bundles; empty without one';
COMMENT ON COLUMN reports.uplift.decided_by IS 'the step or the person that decided';
COMMENT ON COLUMN reports.uplift.decided_at IS 'when it was decided';
COMMENT ON COLUMN reports.uplift.assumed_save_rate IS 'share of would-be churners that a contact retains, as the policy supposes where nothing is measured';
