"""Open trials and experiments note how many of each arm were forgotten: their evidence is smaller then."""

from retention_ml.warehouse import Transaction

_ADD = """
INSERT INTO outcomes.forgotten (comparison, comparison_id, arm, persons_count)
{counted}
ON CONFLICT (comparison, comparison_id, arm)
DO UPDATE SET persons_count = forgotten.persons_count + excluded.persons_count
"""
# Of a person who changed arms on the way, every arm that had them loses them.
_TRIALS = """
SELECT 'trial', trial.trial_id::text, score.arm, count(DISTINCT score.customer_id)
FROM outcomes.trials AS trial
JOIN scores.snapshots AS manifest ON manifest.as_of >= trial.began_on
    AND manifest.model_version = trial.champion_version
    AND manifest.challenger_version = trial.challenger_version AND manifest.status = 'published'
JOIN scores.customer_daily AS score ON score.snapshot_id = manifest.snapshot_id
JOIN pg_temp.forgotten AS person ON person.customer_id = score.customer_id
WHERE trial.status = 'open' AND trial.registered_model = 'churn'
GROUP BY 1, 2, 3
"""
_EXPERIMENTS = """
SELECT 'experiment', assignment.experiment_id, assignment.action_id,
    count(DISTINCT assignment.customer_id)
FROM actions.assignments AS assignment
JOIN pg_temp.forgotten AS person ON person.customer_id = assignment.customer_id
WHERE assignment.experiment_id IN (SELECT experiment_id FROM experiments.states WHERE state = 'open')
    AND assignment.experiment_id NOT IN (
        SELECT experiment_id FROM experiments.states WHERE state <> 'open'
    )
GROUP BY 1, 2, 3
"""


def note_in_comparisons(transaction: Transaction) -> None:
    """Add the persons in the temporary table `forgotten` to the arms that had them, before they go."""
    for counted in (_TRIALS, _EXPERIMENTS):
        transaction.execute(_ADD.format(counted=counted))
