"""SQL about replays: the first delivery they go back to, and whether they bring a whole file."""

FIRST_DELIVERIES = (
    "WITH RECURSIVE replays AS "
    "(SELECT delivery_id, replay_of FROM raw.deliveries WHERE replay_of IS NOT NULL UNION ALL "
    "SELECT replays.delivery_id, delivery.replay_of FROM replays "
    "JOIN raw.deliveries AS delivery ON delivery.delivery_id = replays.replay_of "
    "WHERE delivery.replay_of IS NOT NULL) "
    "SELECT delivery_id, min(replay_of) AS delivery_order FROM replays GROUP BY 1"
)
"""A query: each replay, also one of a replay, and the delivery that all of them go back to."""

IS_WHOLE = (
    "(delivery.replay_of IS NULL "
    "OR (coalesce(delivery.reason_code, 'batch_held') = 'batch_held' AND EXISTS (SELECT "
    "FROM quarantine.rows AS bad WHERE bad.delivery_id = delivery.replay_of "
    "AND bad.reason_code = 'batch_held' AND bad.replayed_in IS NULL)))"
)
"""An expression on `raw.deliveries AS delivery`: no replay, or one of all rows of a held file."""
