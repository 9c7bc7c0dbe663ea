-- Experiments: what was planned, how they stand, and what each look said.
CREATE SCHEMA experiments;

CREATE TABLE experiments.experiments (
    experiment_id text PRIMARY KEY CHECK (experiment_id ~ '^[a-z][a-z0-9_]{0,47}$'),
    question text NOT NULL,
    arms text[] NOT NULL CHECK ('none' = ANY (arms) AND cardinality(arms) >= 2),
    shares double precision[] NOT NULL CHECK (cardinality(shares) = cardinality(arms)),
    tiers text[] NOT NULL CHECK (cardinality(tiers) >= 1),
    metric text NOT NULL CHECK (metric IN ('margin', 'retained')),
    unit text NOT NULL CHECK (unit IN ('decision', 'customer')),
    error_rate double precision NOT NULL CHECK (error_rate > 0 AND error_rate < 0.5),
    power double precision NOT NULL CHECK (power > 0 AND power < 1),
    mde_save_rate double precision NOT NULL CHECK (mde_save_rate > 0 AND mde_save_rate <= 1),
    days_max integer NOT NULL CHECK (days_max > 0),
    sizes jsonb NOT NULL,
    planned_count bigint NOT NULL CHECK (planned_count > 0),
    missing_count bigint NOT NULL CHECK (missing_count >= 0),
    planned_as_of date NOT NULL,
    planned_by text NOT NULL,
    planned_at timestamptz NOT NULL,
    run_id text NOT NULL
);
COMMENT ON TABLE experiments.experiments IS 'one row per experiment: its design and plan, fixed before the start; append-only';
COMMENT ON COLUMN experiments.experiments.experiment_id IS 'its name; part of the salt of its lots, so never used twice';
COMMENT ON COLUMN experiments.experiments.question IS 'what is to be learned, in words';
COMMENT ON COLUMN experiments.experiments.arms IS 'the actions compared; none leaves customers alone and is the control';
COMMENT ON COLUMN experiments.experiments.shares IS 'share of each arm, in the order of arms; together 1';
COMMENT ON COLUMN experiments.experiments.tiers IS 'risk tiers whose customers take part';
COMMENT ON COLUMN experiments.experiments.metric IS 'what decides: margin after discount and contact cost in the outcome window, or retained';
COMMENT ON COLUMN experiments.experiments.unit IS 'decision: a lot is drawn at each decision; customer: once, and each customer counts once';
COMMENT ON COLUMN experiments.experiments.error_rate IS 'chance that without any effect anything is ever found, however often one looks';
COMMENT ON COLUMN experiments.experiments.power IS 'chance to find what is worth finding, with the decisions planned';
COMMENT ON COLUMN experiments.experiments.mde_save_rate IS 'smallest share of would-be churners saved that is worth finding';
COMMENT ON COLUMN experiments.experiments.days_max IS 'days after which it ends undecided';
COMMENT ON COLUMN experiments.experiments.sizes IS 'decisions needed and available, by tier and metric, and what was assumed';
COMMENT ON COLUMN experiments.experiments.planned_count IS 'decisions of all arms that are needed on the metric that decides, looked at always';
COMMENT ON COLUMN experiments.experiments.missing_count IS 'how many of them cannot mature in time; 0: enough';
COMMENT ON COLUMN experiments.experiments.planned_as_of IS 'the day whose scores the plan was made from';
COMMENT ON COLUMN experiments.experiments.planned_by IS 'who planned it';
COMMENT ON COLUMN experiments.experiments.planned_at IS 'when it was planned';
COMMENT ON COLUMN experiments.experiments.run_id IS 'the run that wrote the row';

CREATE TABLE experiments.states (
    experiment_id text NOT NULL REFERENCES experiments.experiments,
    state text NOT NULL CHECK (state IN ('open', 'won', 'lost', 'undecided', 'invalid', 'stopped')),
    since date NOT NULL,
    arm text,
    reason text NOT NULL,
    decided_by text NOT NULL,
    decided_at timestamptz NOT NULL,
    run_id text NOT NULL,
    PRIMARY KEY (experiment_id, state),
    CHECK ((state = 'won') = (arm IS NOT NULL))
);
CREATE UNIQUE INDEX states_end_once ON experiments.states (experiment_id) WHERE state <> 'open';
COMMENT ON TABLE experiments.states IS 'one row per experiment and state it reached: open once, then one end; without any row it is planned; append-only';
COMMENT ON COLUMN experiments.states.experiment_id IS 'the experiment';
COMMENT ON COLUMN experiments.states.state IS 'open; or how it ended: won, lost, undecided (time over), invalid (arms not by their shares), stopped (by a person)';
COMMENT ON COLUMN experiments.states.since IS 'first day in the state; an open experiment decides from its first day on, an ended one from that day on no more';
COMMENT ON COLUMN experiments.states.arm IS 'the action that won; empty unless won';
COMMENT ON COLUMN experiments.states.reason IS 'why, in words';
COMMENT ON COLUMN experiments.states.decided_by IS 'who decided: a person, or outcomes';
COMMENT ON COLUMN experiments.states.decided_at IS 'when it was decided';
COMMENT ON COLUMN experiments.states.run_id IS 'the run that wrote the row';

CREATE TABLE experiments.looks (
    experiment_id text NOT NULL REFERENCES experiments.experiments,
    as_of date NOT NULL,
    arm text NOT NULL,
    metric text NOT NULL CHECK (metric IN ('margin', 'retained', 'margin_per_buyer', 'unsubscribed',
        'returned')),
    segment text NOT NULL,
    decisions_count bigint NOT NULL CHECK (decisions_count >= 0),
    treated_count bigint NOT NULL CHECK (treated_count >= 0),
    control_mean double precision,
    effect double precision,
    lower double precision,
    upper double precision,
    method text NOT NULL CHECK (method IN ('betting', 'asymptotic', 'shrunk')),
    e_better double precision,
    e_worse double precision,
    is_broken boolean NOT NULL DEFAULT false,
    sample_ratio_e double precision NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('open', 'won', 'lost', 'undecided', 'invalid')),
    reason text NOT NULL,
    run_id text NOT NULL,
    looked_at timestamptz NOT NULL,
    PRIMARY KEY (experiment_id, as_of, arm, metric, segment, method)
);
COMMENT ON TABLE experiments.looks IS 'one row per experiment, day, arm, metric, segment and method: the effect on all decisions matured by then; a day looked at again is replaced';
COMMENT ON COLUMN experiments.looks.experiment_id IS 'the experiment';
COMMENT ON COLUMN experiments.looks.as_of IS 'the day of the look: outcomes as known at its start';
COMMENT ON COLUMN experiments.looks.arm IS 'the action compared with none';
COMMENT ON COLUMN experiments.looks.metric IS 'margin (units of money per decision), retained (share of decisions), margin_per_buyer (margin of all over those retained), unsubscribed or returned (shares of decisions)';
COMMENT ON COLUMN experiments.looks.segment IS 'all, or a tier';
COMMENT ON COLUMN experiments.looks.decisions_count IS 'decisions counted, of the arm and of none';
COMMENT ON COLUMN experiments.looks.treated_count IS 'those of the arm';
COMMENT ON COLUMN experiments.looks.control_mean IS 'mean of those left alone; empty without any';
COMMENT ON COLUMN experiments.looks.effect IS 'arm minus none; empty where one of them has no decision';
COMMENT ON COLUMN experiments.looks.lower IS 'lower end of the interval; empty: no bound yet';
COMMENT ON COLUMN experiments.looks.upper IS 'upper end of the interval; empty: no bound yet';
COMMENT ON COLUMN experiments.looks.method IS 'betting or asymptotic: the interval holds at all looks together; shrunk: of a tier, drawn to the effect of all, a 95 % interval for this look alone';
COMMENT ON COLUMN experiments.looks.e_better IS 'evidence that the effect is above what is tolerated; empty for money';
COMMENT ON COLUMN experiments.looks.e_worse IS 'evidence that it is below; empty for money';
COMMENT ON COLUMN experiments.looks.is_broken IS 'whether this is a guard that is broken';
COMMENT ON COLUMN experiments.looks.sample_ratio_e IS 'evidence that customers do not come into the arms by their shares';
COMMENT ON COLUMN experiments.looks.verdict IS 'what the look says of the experiment: open, won, lost, undecided or invalid';
COMMENT ON COLUMN experiments.looks.reason IS 'why, in words';
COMMENT ON COLUMN experiments.looks.run_id IS 'the run that wrote the row';
COMMENT ON COLUMN experiments.looks.looked_at IS 'when it was computed';

CREATE TABLE experiments.holdout_looks (
    holdout_id bigint NOT NULL REFERENCES actions.holdouts,
    window_number integer NOT NULL CHECK (window_number > 0),
    metric text NOT NULL CHECK (metric IN ('margin', 'orders')),
    closed_on date NOT NULL,
    known_as_of date NOT NULL,
    customers_count bigint NOT NULL CHECK (customers_count >= 0),
    holdout_count bigint NOT NULL CHECK (holdout_count >= 0),
    holdout_mean double precision NOT NULL,
    effect double precision NOT NULL,
    standard_error double precision NOT NULL,
    lower double precision,
    upper double precision,
    draws_count integer NOT NULL CHECK (draws_count >= 400),
    windows_planned integer NOT NULL CHECK (windows_planned >= window_number),
    verdict text NOT NULL CHECK (verdict IN ('open', 'better', 'worse')),
    run_id text NOT NULL,
    looked_at timestamptz NOT NULL,
    PRIMARY KEY (holdout_id, window_number, metric)
);
COMMENT ON TABLE experiments.holdout_looks IS 'one row per period of the holdout, closed window and metric: what contacting customers brought since the period began';
COMMENT ON COLUMN experiments.holdout_looks.holdout_id IS 'the period of the holdout';
COMMENT ON COLUMN experiments.holdout_looks.window_number IS '1 for the first; windows are as long as the outcome window';
COMMENT ON COLUMN experiments.holdout_looks.metric IS 'margin (units of money, contacts of released days paid) or orders (purchases), per customer since the period began';
COMMENT ON COLUMN experiments.holdout_looks.closed_on IS 'the day after the last day of the window';
COMMENT ON COLUMN experiments.holdout_looks.known_as_of IS 'outcomes as known at the start of this day; a later look replaces the row';
COMMENT ON COLUMN experiments.holdout_looks.customers_count IS 'customers who were active at the beginning of the period or of a later window';
COMMENT ON COLUMN experiments.holdout_looks.holdout_count IS 'those of them in the holdout';
COMMENT ON COLUMN experiments.holdout_looks.holdout_mean IS 'mean of the holdout';
COMMENT ON COLUMN experiments.holdout_looks.effect IS 'mean of the others minus mean of the holdout, what the metric was before the period accounted for';
COMMENT ON COLUMN experiments.holdout_looks.standard_error IS 'of the effect, at this look alone';
COMMENT ON COLUMN experiments.holdout_looks.lower IS 'lower end of the interval, which holds at all planned looks together; empty: no bound yet';
COMMENT ON COLUMN experiments.holdout_looks.upper IS 'upper end of the interval; empty: no bound yet';
COMMENT ON COLUMN experiments.holdout_looks.draws_count IS 'how many other lots were drawn to see what chance alone gives';
COMMENT ON COLUMN experiments.holdout_looks.windows_planned IS 'looks over which the error rate is spent';
COMMENT ON COLUMN experiments.holdout_looks.verdict IS 'better: contacting customers brings more than leaving them alone; worse: less; open: not decided; by this look or an earlier one';
COMMENT ON COLUMN experiments.holdout_looks.run_id IS 'the run that wrote the row';
COMMENT ON COLUMN experiments.holdout_looks.looked_at IS 'when it was computed';
