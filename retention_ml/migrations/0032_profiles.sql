-- Who customers are: snapshots of a day, the pointer that readers follow, stages and curves.
CREATE SCHEMA profiles;

CREATE TABLE profiles.snapshots (
    snapshot_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    as_of date NOT NULL,
    status text NOT NULL CHECK (status IN ('built', 'published', 'refused')),
    reason text,
    epoch bigint NOT NULL,
    new_days integer NOT NULL CHECK (new_days > 0),
    loyal_purchase_days integer NOT NULL CHECK (loyal_purchase_days > 1),
    lapsed_days integer NOT NULL CHECK (lapsed_days > 0),
    slipping_intervals double precision NOT NULL CHECK (slipping_intervals > 0),
    cohort_period_days integer NOT NULL CHECK (cohort_period_days > 0),
    minor_units integer NOT NULL,
    customers_count bigint NOT NULL,
    buyers_count bigint NOT NULL CHECK (buyers_count > 0),
    caveat text,
    profiles_digest text NOT NULL,
    library_version text NOT NULL,
    run_id text NOT NULL,
    built_at timestamptz NOT NULL,
    published_at timestamptz,
    CHECK (buyers_count <= customers_count)
);
COMMENT ON TABLE profiles.snapshots IS 'one row per run that profiled the customers of a day: by which rules, and what came out';
COMMENT ON COLUMN profiles.snapshots.snapshot_id IS 'number of the run';
COMMENT ON COLUMN profiles.snapshots.as_of IS 'the day: what was known at its first moment in the shop''s time zone';
COMMENT ON COLUMN profiles.snapshots.status IS 'built: nobody sees it yet; published: readers saw it; refused: an audit failed, or a newer run came first';
COMMENT ON COLUMN profiles.snapshots.reason IS 'why it was refused; empty otherwise';
COMMENT ON COLUMN profiles.snapshots.epoch IS 'fencing token: only the newest run of a day may publish';
COMMENT ON COLUMN profiles.snapshots.new_days IS 'days for which a customer counts as new, or as reactivated';
COMMENT ON COLUMN profiles.snapshots.loyal_purchase_days IS 'purchase days from which on a customer counts as loyal';
COMMENT ON COLUMN profiles.snapshots.lapsed_days IS 'days of silence after which a customer counts as lapsed';
COMMENT ON COLUMN profiles.snapshots.slipping_intervals IS 'multiples of the customer''s interval after which they count as slipping';
COMMENT ON COLUMN profiles.snapshots.cohort_period_days IS 'length of a period of cohorts and funnel';
COMMENT ON COLUMN profiles.snapshots.minor_units IS 'smallest units in one of the currency';
COMMENT ON COLUMN profiles.snapshots.customers_count IS 'rows of profiles.customer_daily: everybody with an order, an event or an account';
COMMENT ON COLUMN profiles.snapshots.buyers_count IS 'those of them with an order';
COMMENT ON COLUMN profiles.snapshots.caveat IS 'what the profiles lack and why, in words; empty where nothing';
COMMENT ON COLUMN profiles.snapshots.profiles_digest IS 'digest of all rows: equal inputs, equal digest';
COMMENT ON COLUMN profiles.snapshots.library_version IS 'version of the library';
COMMENT ON COLUMN profiles.snapshots.run_id IS 'the run that wrote it';
COMMENT ON COLUMN profiles.snapshots.built_at IS 'when it was written';
COMMENT ON COLUMN profiles.snapshots.published_at IS 'when readers could first see it';
CREATE INDEX ON profiles.snapshots (as_of);

CREATE TABLE profiles.published (
    as_of date PRIMARY KEY,
    snapshot_id bigint NOT NULL REFERENCES profiles.snapshots,
    epoch bigint NOT NULL,
    published_at timestamptz NOT NULL
);
COMMENT ON TABLE profiles.published IS 'one row per published day: the snapshot that readers see';
COMMENT ON COLUMN profiles.published.as_of IS 'the day';
COMMENT ON COLUMN profiles.published.snapshot_id IS 'what readers see of it';
COMMENT ON COLUMN profiles.published.epoch IS 'fencing token of the run that published';
COMMENT ON COLUMN profiles.published.published_at IS 'when the pointer was set';

CREATE TABLE profiles.customer_daily (
    snapshot_id bigint NOT NULL REFERENCES profiles.snapshots,
    as_of date NOT NULL,
    customer_id text NOT NULL,
    lifecycle_stage text NOT NULL CHECK (lifecycle_stage IN ('visitor', 'new', 'one_time', 'repeat', 'loyal', 'slipping', 'lapsed', 'reactivated')),
    stage_since date NOT NULL,
    previous_stage text,
    acquired_on date NOT NULL,
    first_order_on date,
    last_order_on date,
    purchase_days_count bigint,
    orders_count bigint,
    revenue_cents bigint,
    rfm_recency integer CHECK (rfm_recency BETWEEN 1 AND 5),
    rfm_frequency integer CHECK (rfm_frequency BETWEEN 1 AND 5),
    rfm_value integer CHECK (rfm_value BETWEEN 1 AND 5),
    rfm_group text,
    purchase_interval_days double precision CHECK (purchase_interval_days >= 0),
    is_overdue boolean,
    still_customer_probability double precision CHECK (still_customer_probability BETWEEN 0 AND 1),
    next_order_expected_on date,
    PRIMARY KEY (snapshot_id, customer_id)
);
COMMENT ON TABLE profiles.customer_daily IS 'one row per snapshot and customer: who they are on the day, by facts';
COMMENT ON COLUMN profiles.customer_daily.snapshot_id IS 'the run that made it';
COMMENT ON COLUMN profiles.customer_daily.as_of IS 'the day';
COMMENT ON COLUMN profiles.customer_daily.customer_id IS 'the shop''s customer number';
COMMENT ON COLUMN profiles.customer_daily.lifecycle_stage IS 'visitor, new, one_time, repeat, loyal, slipping, lapsed or reactivated: from order counts and silence, not from a model';
COMMENT ON COLUMN profiles.customer_daily.stage_since IS 'first day of the stage, by what is known on the day';
COMMENT ON COLUMN profiles.customer_daily.previous_stage IS 'the stage before; empty if there was none';
COMMENT ON COLUMN profiles.customer_daily.acquired_on IS 'first day with an order, an event or an account';
COMMENT ON COLUMN profiles.customer_daily.first_order_on IS 'first purchase day; empty without an order, as are all that follow';
COMMENT ON COLUMN profiles.customer_daily.last_order_on IS 'last purchase day';
COMMENT ON COLUMN profiles.customer_daily.purchase_days_count IS 'days with an order';
COMMENT ON COLUMN profiles.customer_daily.orders_count IS 'orders';
COMMENT ON COLUMN profiles.customer_daily.revenue_cents IS 'what they brought, refunds taken off, in smallest units of money';
COMMENT ON COLUMN profiles.customer_daily.rfm_recency IS '5: ordered more recently than four fifths of the customers';
COMMENT ON COLUMN profiles.customer_daily.rfm_frequency IS '5: on more days than four fifths';
COMMENT ON COLUMN profiles.customer_daily.rfm_value IS '5: brought more than four fifths';
COMMENT ON COLUMN profiles.customer_daily.rfm_group IS 'champions, loyal, recent, needs_attention, at_risk or inactive: the three scores in a word';
COMMENT ON COLUMN profiles.customer_daily.purchase_interval_days IS 'wait after an order within which half of such customers order again, if they have not left, by the buying process';
COMMENT ON COLUMN profiles.customer_daily.is_overdue IS 'silent for longer than nine in ten of such waits (profiles.overdue_probability)';
COMMENT ON COLUMN profiles.customer_daily.still_customer_probability IS 'probability that the customer has not left for good, by the buying process; not the churn probability';
COMMENT ON COLUMN profiles.customer_daily.next_order_expected_on IS 'day by which the next order is as probable to have come as not; empty where the customer has probably left';

CREATE TABLE profiles.stage_daily (
    snapshot_id bigint NOT NULL REFERENCES profiles.snapshots,
    as_of date NOT NULL,
    lifecycle_stage text NOT NULL CHECK (lifecycle_stage IN ('visitor', 'new', 'one_time', 'repeat', 'loyal', 'slipping', 'lapsed', 'reactivated')),
    customers_count bigint NOT NULL CHECK (customers_count >= 0),
    revenue_28d_cents bigint NOT NULL,
    PRIMARY KEY (snapshot_id, lifecycle_stage)
);
COMMENT ON TABLE profiles.stage_daily IS 'one row per snapshot and stage: how many customers, and what they brought';
COMMENT ON COLUMN profiles.stage_daily.snapshot_id IS 'the run that made it';
COMMENT ON COLUMN profiles.stage_daily.as_of IS 'the day';
COMMENT ON COLUMN profiles.stage_daily.lifecycle_stage IS 'the stage';
COMMENT ON COLUMN profiles.stage_daily.customers_count IS 'customers in it; stages without any have a row too';
COMMENT ON COLUMN profiles.stage_daily.revenue_28d_cents IS 'what they brought in the 28 days before, refunds taken off, in smallest units of money';

CREATE TABLE profiles.transitions (
    snapshot_id bigint NOT NULL REFERENCES profiles.snapshots,
    as_of date NOT NULL,
    period text NOT NULL CHECK (period IN ('day', 'week', 'month')),
    from_as_of date NOT NULL,
    from_snapshot_id bigint REFERENCES profiles.snapshots,
    from_stage text NOT NULL,
    to_stage text NOT NULL,
    customers_count bigint NOT NULL CHECK (customers_count > 0),
    PRIMARY KEY (snapshot_id, period, from_stage, to_stage)
);
COMMENT ON TABLE profiles.transitions IS 'one row per snapshot, period, stage of the earlier day and stage of the day, where anybody went that way';
COMMENT ON COLUMN profiles.transitions.snapshot_id IS 'the run that made it';
COMMENT ON COLUMN profiles.transitions.as_of IS 'the day';
COMMENT ON COLUMN profiles.transitions.period IS 'day, week (7 days) or month (30 days)';
COMMENT ON COLUMN profiles.transitions.from_as_of IS 'the earlier day';
COMMENT ON COLUMN profiles.transitions.from_snapshot_id IS 'what readers saw of the earlier day; empty where nothing was published and the day was replayed';
COMMENT ON COLUMN profiles.transitions.from_stage IS 'stage on the earlier day; none: no customer then, as far as was known';
COMMENT ON COLUMN profiles.transitions.to_stage IS 'stage on the day; none: no customer any more, because an order was corrected';
COMMENT ON COLUMN profiles.transitions.customers_count IS 'customers who went that way, or stayed';

CREATE TABLE profiles.cohorts (
    snapshot_id bigint NOT NULL REFERENCES profiles.snapshots,
    as_of date NOT NULL,
    cohort_on date NOT NULL,
    period integer NOT NULL CHECK (period >= 0),
    customers_count bigint NOT NULL,
    observed_count bigint NOT NULL CHECK (observed_count > 0),
    ordered_count bigint NOT NULL,
    ordered_later_count bigint NOT NULL,
    previous_count bigint NOT NULL,
    ordered_both_count bigint NOT NULL,
    at_risk_count bigint NOT NULL,
    is_left_truncated boolean NOT NULL,
    is_incomplete boolean NOT NULL,
    PRIMARY KEY (snapshot_id, cohort_on, period)
);
COMMENT ON TABLE profiles.cohorts IS 'one row per snapshot, cohort and period of its customers'' own clocks that is over for somebody';
COMMENT ON COLUMN profiles.cohorts.snapshot_id IS 'the run that made it';
COMMENT ON COLUMN profiles.cohorts.as_of IS 'the day';
COMMENT ON COLUMN profiles.cohorts.cohort_on IS 'first day of the month of the first order';
COMMENT ON COLUMN profiles.cohorts.period IS 'period 0 begins with the first order';
COMMENT ON COLUMN profiles.cohorts.customers_count IS 'customers of the cohort';
COMMENT ON COLUMN profiles.cohorts.observed_count IS 'those whose period is over: all other counts are of them';
COMMENT ON COLUMN profiles.cohorts.ordered_count IS 'ordered in the period';
COMMENT ON COLUMN profiles.cohorts.ordered_later_count IS 'ordered in the period or later';
COMMENT ON COLUMN profiles.cohorts.previous_count IS 'ordered in the period before';
COMMENT ON COLUMN profiles.cohorts.ordered_both_count IS 'ordered in both';
COMMENT ON COLUMN profiles.cohorts.at_risk_count IS 'ordered in the period before or later';
COMMENT ON COLUMN profiles.cohorts.is_left_truncated IS 'of some of its customers earlier orders may lie before the data begins: old customers who look new';
COMMENT ON COLUMN profiles.cohorts.is_incomplete IS 'the period is not over for all customers of the cohort';

CREATE TABLE profiles.survival (
    snapshot_id bigint NOT NULL REFERENCES profiles.snapshots,
    as_of date NOT NULL,
    curve text NOT NULL,
    population text NOT NULL CHECK (population IN ('all', 'observed_from_first')),
    day integer NOT NULL CHECK (day >= 0),
    at_risk_count bigint NOT NULL,
    events_count bigint NOT NULL,
    survival_share double precision NOT NULL CHECK (survival_share BETWEEN 0 AND 1),
    survival_lower double precision,
    survival_upper double precision,
    median_days double precision,
    PRIMARY KEY (snapshot_id, curve, population, day)
);
COMMENT ON TABLE profiles.survival IS 'one row per snapshot, curve, population and day on which something happened';
COMMENT ON COLUMN profiles.survival.snapshot_id IS 'the run that made it';
COMMENT ON COLUMN profiles.survival.as_of IS 'the day';
COMMENT ON COLUMN profiles.survival.curve IS 'second_order, third_order, fourth_order: days from one purchase day to the next; lapse: from the first purchase day until the customer first lapsed';
COMMENT ON COLUMN profiles.survival.population IS 'all, or without those who may have ordered before the data begins';
COMMENT ON COLUMN profiles.survival.day IS 'days since the beginning';
COMMENT ON COLUMN profiles.survival.at_risk_count IS 'customers to whom it had not happened, and who were observed for so long';
COMMENT ON COLUMN profiles.survival.events_count IS 'to whom it happened on the day';
COMMENT ON COLUMN profiles.survival.survival_share IS 'share to whom it has not happened by then (Kaplan-Meier)';
COMMENT ON COLUMN profiles.survival.survival_lower IS 'lower end of its 95 % interval (log-log); empty where it is not defined';
COMMENT ON COLUMN profiles.survival.survival_upper IS 'upper end';
COMMENT ON COLUMN profiles.survival.median_days IS 'first day by which it happened to half; of the whole curve, empty if it does not fall so far';

CREATE TABLE profiles.funnel (
    snapshot_id bigint NOT NULL REFERENCES profiles.snapshots,
    as_of date NOT NULL,
    week_on date NOT NULL,
    acquired_count bigint NOT NULL,
    activated_count bigint NOT NULL,
    retained_count bigint NOT NULL,
    revenue_cents bigint NOT NULL,
    is_incomplete boolean NOT NULL,
    PRIMARY KEY (snapshot_id, week_on)
);
COMMENT ON TABLE profiles.funnel IS 'one row per snapshot and week in which customers were acquired';
COMMENT ON COLUMN profiles.funnel.snapshot_id IS 'the run that made it';
COMMENT ON COLUMN profiles.funnel.as_of IS 'the day';
COMMENT ON COLUMN profiles.funnel.week_on IS 'the Monday';
COMMENT ON COLUMN profiles.funnel.acquired_count IS 'who opened an account, or was first seen on the site or with an order, in the week';
COMMENT ON COLUMN profiles.funnel.activated_count IS 'those of them who ordered within a period';
COMMENT ON COLUMN profiles.funnel.retained_count IS 'those of these who ordered again in the second period after their first order';
COMMENT ON COLUMN profiles.funnel.revenue_cents IS 'what the acquired brought within three periods, refunds taken off, in smallest units of money';
COMMENT ON COLUMN profiles.funnel.is_incomplete IS 'three periods are not over for all of them';

CREATE TABLE profiles.audits (
    snapshot_id bigint NOT NULL REFERENCES profiles.snapshots,
    audit text NOT NULL,
    severity text NOT NULL CHECK (severity IN ('warning', 'critical')),
    is_success boolean NOT NULL,
    observed text NOT NULL,
    audited_at timestamptz NOT NULL,
    PRIMARY KEY (snapshot_id, audit)
);
COMMENT ON TABLE profiles.audits IS 'one row per snapshot and audit that ran before it was published, or refused';
COMMENT ON COLUMN profiles.audits.snapshot_id IS 'the run';
COMMENT ON COLUMN profiles.audits.audit IS 'what must hold';
COMMENT ON COLUMN profiles.audits.severity IS 'critical: refuses the snapshot; warning: only said';
COMMENT ON COLUMN profiles.audits.is_success IS 'whether it held';
COMMENT ON COLUMN profiles.audits.observed IS 'what was observed, in words';
COMMENT ON COLUMN profiles.audits.audited_at IS 'when';
