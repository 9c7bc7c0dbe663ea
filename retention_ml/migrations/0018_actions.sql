-- Who is contacted with what, and why: holdout, catalogue, policies, assignments, exclusions.
CREATE SCHEMA actions;

CREATE TABLE actions.holdouts (
    holdout_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    salt text NOT NULL UNIQUE,
    share double precision NOT NULL CHECK (share > 0 AND share <= 0.5),
    began_on date NOT NULL,
    ends_on date CHECK (ends_on > began_on),
    newest_scored_on date,
    purpose text NOT NULL,
    drawn_at timestamptz NOT NULL,
    drawn_by text NOT NULL,
    run_id text NOT NULL,
    CHECK (newest_scored_on < began_on),
    EXCLUDE USING gist (daterange(began_on, ends_on) WITH &&)
);
COMMENT ON TABLE actions.holdouts IS 'one row per period of the holdout: the customers who are never contacted by the platform while it lasts; periods do not overlap';
COMMENT ON COLUMN actions.holdouts.holdout_id IS 'number of the period';
COMMENT ON COLUMN actions.holdouts.salt IS 'what draws the holdout, together with the customer''s number: holdout:, the salt of the settings and, from the second period on, its number; never used twice';
COMMENT ON COLUMN actions.holdouts.share IS 'share of all customers in the holdout: those whose place in [0, 1) lies below it';
COMMENT ON COLUMN actions.holdouts.began_on IS 'first day of the period; drawn before any score of it';
COMMENT ON COLUMN actions.holdouts.ends_on IS 'the day after the last one; empty: without end';
COMMENT ON COLUMN actions.holdouts.newest_scored_on IS 'the newest day with scores when it was drawn; empty if there was none';
COMMENT ON COLUMN actions.holdouts.purpose IS 'what it is for, in words';
COMMENT ON COLUMN actions.holdouts.drawn_at IS 'when it was drawn';
COMMENT ON COLUMN actions.holdouts.drawn_by IS 'assign, or who renewed it';
COMMENT ON COLUMN actions.holdouts.run_id IS 'the run that last wrote the row';

CREATE TABLE actions.catalogue (
    action_id text NOT NULL,
    version_sha256 text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('none', 'email', 'push', 'coupon', 'recommendation')),
    channel text CHECK (channel IN ('email', 'webhook', 'file')),
    cost_cents double precision NOT NULL CHECK (cost_cents >= 0),
    discount_share double precision NOT NULL CHECK (discount_share BETWEEN 0 AND 1),
    effect_days integer NOT NULL CHECK (effect_days > 0),
    quota_per_day bigint CHECK (quota_per_day >= 0),
    floor double precision NOT NULL CHECK (floor BETWEEN 0 AND 1),
    rule jsonb NOT NULL,
    first_as_of date NOT NULL,
    run_id text NOT NULL,
    PRIMARY KEY (action_id, version_sha256),
    CHECK ((kind = 'none') = (channel IS NULL))
);
COMMENT ON TABLE actions.catalogue IS 'append-only: one row per action and version that was ever to be had on a decision day';
COMMENT ON COLUMN actions.catalogue.action_id IS 'name of the action, as its file; none: no contact';
COMMENT ON COLUMN actions.catalogue.version_sha256 IS 'digest of the action''s file and template';
COMMENT ON COLUMN actions.catalogue.kind IS 'none, email, push, coupon or recommendation';
COMMENT ON COLUMN actions.catalogue.channel IS 'email, webhook or file; empty for none';
COMMENT ON COLUMN actions.catalogue.cost_cents IS 'cost of one contact in smallest units of money, without a discount';
COMMENT ON COLUMN actions.catalogue.discount_share IS 'share of the basket given away by a coupon, 0 to 1';
COMMENT ON COLUMN actions.catalogue.effect_days IS 'days in which the action is expected to have its effect';
COMMENT ON COLUMN actions.catalogue.quota_per_day IS 'most contacts a day; empty: no limit';
COMMENT ON COLUMN actions.catalogue.floor IS 'least probability of the action where it is allowed and a bandit decides';
COMMENT ON COLUMN actions.catalogue.rule IS 'who may get it: tiers, least value at risk, whether a permission is needed and for what purpose';
COMMENT ON COLUMN actions.catalogue.first_as_of IS 'the first decision day with this version';
COMMENT ON COLUMN actions.catalogue.run_id IS 'the run that wrote the row';

CREATE TABLE actions.policies (
    policy_id text PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('rule', 'experiment', 'uplift', 'bandit')),
    version integer NOT NULL CHECK (version > 0),
    in_force_from date NOT NULL,
    bundle_sha256 text,
    parameters jsonb NOT NULL,
    evidence jsonb NOT NULL,
    reason text NOT NULL,
    decided_by text NOT NULL,
    decided_at timestamptz NOT NULL,
    run_id text NOT NULL,
    UNIQUE (kind, version),
    CHECK (policy_id = kind || '-' || version)
);
COMMENT ON TABLE actions.policies IS 'append-only: one row per decision by which policy actions are chosen; the newest in force on a day counts';
COMMENT ON COLUMN actions.policies.policy_id IS 'kind and version, such as rule-1; part of the salt of the day''s lot';
COMMENT ON COLUMN actions.policies.kind IS 'rule: value at risk times save rate; experiment: by lot; uplift: by a model of the effect; bandit: learns while it decides';
COMMENT ON COLUMN actions.policies.version IS 'counts the policies of a kind';
COMMENT ON COLUMN actions.policies.in_force_from IS 'first decision day; on one day the one decided last counts';
COMMENT ON COLUMN actions.policies.bundle_sha256 IS 'digest of the model''s files; empty for a rule';
COMMENT ON COLUMN actions.policies.parameters IS 'what the policy decides by: of a rule save_rate and is_measured';
COMMENT ON COLUMN actions.policies.evidence IS 'the figures behind the decision';
COMMENT ON COLUMN actions.policies.reason IS 'why it was chosen, in words';
COMMENT ON COLUMN actions.policies.decided_by IS 'settings, the step or the person that decided';
COMMENT ON COLUMN actions.policies.decided_at IS 'when it was decided';
COMMENT ON COLUMN actions.policies.run_id IS 'the run that wrote the row';

CREATE TABLE actions.days (
    as_of date PRIMARY KEY,
    snapshot_id bigint REFERENCES scores.snapshots,
    holdout_id bigint REFERENCES actions.holdouts,
    policy_id text NOT NULL REFERENCES actions.policies,
    catalogue_sha256 text NOT NULL,
    status text NOT NULL CHECK (status IN ('shadow', 'waiting', 'released')),
    reason text NOT NULL,
    population_count bigint NOT NULL,
    assigned_count bigint NOT NULL,
    excluded_count bigint NOT NULL,
    holdout_count bigint NOT NULL,
    contacts_count bigint NOT NULL,
    explored_count bigint NOT NULL,
    capped_count bigint NOT NULL,
    budget_cents double precision NOT NULL CHECK (budget_cents > 0),
    cost_cents double precision NOT NULL CHECK (cost_cents >= 0),
    money_price double precision NOT NULL CHECK (money_price >= 0),
    explore_share double precision NOT NULL CHECK (explore_share BETWEEN 0 AND 1),
    fatigue_days integer NOT NULL DEFAULT 0 CHECK (fatigue_days >= 0),
    inputs_digest text NOT NULL,
    assignments_digest text NOT NULL,
    run_id text NOT NULL,
    assigned_at timestamptz NOT NULL,
    released_at timestamptz,
    CHECK (population_count = assigned_count + excluded_count),
    CHECK (contacts_count + holdout_count <= assigned_count),
    CHECK ((status = 'released') = (released_at IS NOT NULL))
);
COMMENT ON TABLE actions.days IS 'one row per decision day: what was decided, on which scores, by which policy, and whether it may leave the house; status only moves towards released';
COMMENT ON COLUMN actions.days.as_of IS 'the decision day: its first moment in the shop''s time zone';
COMMENT ON COLUMN actions.days.snapshot_id IS 'the published scores it was decided on';
COMMENT ON COLUMN actions.days.holdout_id IS 'the period of the holdout; empty: none had begun';
COMMENT ON COLUMN actions.days.policy_id IS 'the policy that decided';
COMMENT ON COLUMN actions.days.catalogue_sha256 IS 'digest of all actions to be had';
COMMENT ON COLUMN actions.days.status IS 'shadow: nothing leaves the house; waiting: for an approval; released: messages were put into the outbox';
COMMENT ON COLUMN actions.days.reason IS 'why it has this status, in words';
COMMENT ON COLUMN actions.days.population_count IS 'active customers of the day = assigned + excluded';
COMMENT ON COLUMN actions.days.assigned_count IS 'customers who could have got at least one action, those of the holdout among them';
COMMENT ON COLUMN actions.days.excluded_count IS 'customers who could get none, by reason in actions.exclusions';
COMMENT ON COLUMN actions.days.holdout_count IS 'assigned customers left alone because they are in the holdout';
COMMENT ON COLUMN actions.days.contacts_count IS 'assigned customers with an action other than none';
COMMENT ON COLUMN actions.days.explored_count IS 'assigned customers whose action was drawn by lot';
COMMENT ON COLUMN actions.days.capped_count IS 'assigned customers whose propensities are 0 or 1 or uncertain because a limit decided: not evidence';
COMMENT ON COLUMN actions.days.budget_cents IS 'budget of the day in smallest units of money';
COMMENT ON COLUMN actions.days.cost_cents IS 'expected cost of all actions of the day, at most the budget';
COMMENT ON COLUMN actions.days.money_price IS 'margin that a unit of money had to bring to be spent, above the unit itself; 0: the budget did not bind';
COMMENT ON COLUMN actions.days.explore_share IS 'probability with which a customer''s action was drawn by lot';
COMMENT ON COLUMN actions.days.fatigue_days IS 'days without a second contact, by the settings of the day';
COMMENT ON COLUMN actions.days.inputs_digest IS 'digest of scores, history, permissions, catalogue, policy and settings';
COMMENT ON COLUMN actions.days.assignments_digest IS 'digest of assignments and exclusions: equal inputs, equal digest';
COMMENT ON COLUMN actions.days.run_id IS 'the run that last wrote the row';
COMMENT ON COLUMN actions.days.assigned_at IS 'when it was decided';
COMMENT ON COLUMN actions.days.released_at IS 'when the messages were put into the outbox';

CREATE TABLE actions.assignments (
    as_of date NOT NULL,
    customer_id text NOT NULL,
    snapshot_id bigint NOT NULL,
    policy_id text NOT NULL,
    experiment_id text,
    action_id text NOT NULL,
    propensity double precision NOT NULL CHECK (propensity > 0 AND propensity <= 1),
    propensities jsonb NOT NULL,
    lot double precision NOT NULL CHECK (lot >= 0 AND lot < 1),
    is_holdout boolean NOT NULL,
    is_explored boolean NOT NULL,
    is_capped boolean NOT NULL,
    tier text NOT NULL,
    expected_effect double precision,
    slope double precision,
    expected_margin_cents double precision NOT NULL,
    cost_cents double precision NOT NULL CHECK (cost_cents >= 0),
    money_price double precision NOT NULL,
    run_id text NOT NULL,
    PRIMARY KEY (as_of, customer_id),
    CHECK (NOT is_holdout OR action_id = 'none'),
    CHECK (action_id <> 'none' OR cost_cents = 0)
);
COMMENT ON TABLE actions.assignments IS 'one row per decision day and customer who could have got at least one action: what they got, and how probable each action was';
COMMENT ON COLUMN actions.assignments.as_of IS 'the decision day';
COMMENT ON COLUMN actions.assignments.customer_id IS 'the shop''s customer number';
COMMENT ON COLUMN actions.assignments.snapshot_id IS 'the published scores it was decided on';
COMMENT ON COLUMN actions.assignments.policy_id IS 'the policy that decided';
COMMENT ON COLUMN actions.assignments.experiment_id IS 'the experiment that decided; empty if none did';
COMMENT ON COLUMN actions.assignments.action_id IS 'the action; none: left alone';
COMMENT ON COLUMN actions.assignments.propensity IS 'probability, before the lot was drawn, that the customer gets this action';
COMMENT ON COLUMN actions.assignments.propensities IS 'the same of every action that was allowed; the sum is 1';
COMMENT ON COLUMN actions.assignments.lot IS 'the number drawn, in [0, 1): from SHA-256 of lot:, policy and day, and the customer''s number';
COMMENT ON COLUMN actions.assignments.is_holdout IS 'in the holdout: left alone whatever the policy would do';
COMMENT ON COLUMN actions.assignments.is_explored IS 'whether the action was drawn by lot among those allowed, instead of chosen';
COMMENT ON COLUMN actions.assignments.is_capped IS 'whether a budget or quota decided, so that the propensity is no evidence: left out of estimates of effects';
COMMENT ON COLUMN actions.assignments.tier IS 'risk tier of the customer on the day';
COMMENT ON COLUMN actions.assignments.expected_effect IS 'expected change of the probability of an order by the action; empty where the policy knows none';
COMMENT ON COLUMN actions.assignments.slope IS 'how much of the effect model is believed, 0 to 1; empty without a model';
COMMENT ON COLUMN actions.assignments.expected_margin_cents IS 'expected margin by the action after its cost, in smallest units of money; 0 for none';
COMMENT ON COLUMN actions.assignments.cost_cents IS 'expected cost of the action, discount included, in smallest units of money';
COMMENT ON COLUMN actions.assignments.money_price IS 'the price of money of the day: see actions.days';
COMMENT ON COLUMN actions.assignments.run_id IS 'the run that wrote the row';
CREATE INDEX ON actions.assignments (customer_id, as_of);

CREATE TABLE actions.exclusions (
    as_of date NOT NULL,
    reason text NOT NULL CHECK (reason IN ('unscored', 'outside_rules', 'no_permission',
        'suppressed', 'no_address', 'fatigue', 'yearly_limit', 'recent_order', 'quota', 'no_gain',
        'budget')),
    tier text NOT NULL,
    customers_count bigint NOT NULL CHECK (customers_count > 0),
    run_id text NOT NULL,
    PRIMARY KEY (as_of, reason, tier)
);
COMMENT ON TABLE actions.exclusions IS 'one row per decision day, reason and tier: how many active customers could get no action; each is counted once, under the first reason that left none';
COMMENT ON COLUMN actions.exclusions.as_of IS 'the decision day';
COMMENT ON COLUMN actions.exclusions.reason IS 'in this order: unscored, outside_rules (tier or value of no action), no_permission, suppressed (bounced or complained), no_address, fatigue (contacted lately), yearly_limit, recent_order, quota (used up), no_gain (nothing pays), budget (it would pay, but others pay more)';
COMMENT ON COLUMN actions.exclusions.tier IS 'risk tier; empty text where unscored';
COMMENT ON COLUMN actions.exclusions.customers_count IS 'how many customers';
COMMENT ON COLUMN actions.exclusions.run_id IS 'the run that wrote the row';

CREATE TABLE actions.approvals (
    approval_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject text NOT NULL CHECK (subject IN ('action', 'policy', 'day')),
    subject_id text NOT NULL,
    version text NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('approve', 'reject')),
    decided_by text NOT NULL,
    reason text NOT NULL,
    decided_at timestamptz NOT NULL,
    run_id text NOT NULL
);
COMMENT ON TABLE actions.approvals IS 'append-only: one row per decision of a person that an action, a policy or a day may leave the house; the newest counts';
COMMENT ON COLUMN actions.approvals.approval_id IS 'number of the decision';
COMMENT ON COLUMN actions.approvals.subject IS 'action (with its template), policy, or day';
COMMENT ON COLUMN actions.approvals.subject_id IS 'action_id, policy_id, or the decision day';
COMMENT ON COLUMN actions.approvals.version IS 'of an action its version_sha256, of a policy its version, of a day its assignments_digest';
COMMENT ON COLUMN actions.approvals.verdict IS 'approve or reject';
COMMENT ON COLUMN actions.approvals.decided_by IS 'the person';
COMMENT ON COLUMN actions.approvals.reason IS 'why, in words';
COMMENT ON COLUMN actions.approvals.decided_at IS 'when';
COMMENT ON COLUMN actions.approvals.run_id IS 'the run that wrote the row';
CREATE INDEX ON actions.approvals (subject, subject_id, version);
