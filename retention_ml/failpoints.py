"""Named places at which a test can kill the process, to prove that nothing is lost there.

`RETENTION_FAILPOINT=curate.before_commit` makes the process kill itself with SIGKILL when it
reaches that place; without the variable a failpoint costs one dictionary look-up.
"""

import os
import signal

FAILPOINTS = (
    "land.after_archive",
    "land.before_commit",
    "seal.before_rename",
    "stage.after_first_chunk",
    "stage.before_commit",
    "check.before_commit",
    "curate.before_indexes",
    "curate.after_insert",
    "curate.before_commit",
    "curate.after_commit",
    "label.before_commit",
    "label.after_commit",
    "cache.after_parts",
    "cache.after_manifest",
    "cache.before_day",
    "cache.before_trees",
    "build.before_record",
    "build.before_commit",
    "build_samples.before_record",
    "build_samples.before_commit",
    "detect.after_rows",
    "detect.before_commit",
    "detect.after_commit",
    "train.after_register",
    "train.after_commit",
    "promote.after_ledger",
    "promote.after_alias",
    "backtest.after_part",
    "score.after_rows",
    "score.before_commit",
    "publish.after_audits",
    "publish.before_commit",
    "publish.after_commit",
    "fit.before_commit",
    "fit.after_commit",
    "pair_products.before_commit",
    "pair_products.after_commit",
    "recommend.after_rows",
    "recommend.before_commit",
    "publish_lists.after_audits",
    "publish_lists.before_commit",
    "publish_lists.after_commit",
    "fit_value.before_commit",
    "fit_value.after_commit",
    "decide_personas.before_commit",
    "profile.after_personas",
    "profile.after_rows",
    "profile.before_commit",
    "publish_profiles.after_audits",
    "publish_profiles.before_commit",
    "publish_profiles.after_commit",
    "prune_profiles.after_rows",
    "measure_lists.before_commit",
    "measure_lists.after_day",
    "decide_ranker.before_commit",
    "decide_ranker.after_commit",
    "assign.after_rows",
    "assign.before_commit",
    "assign.after_commit",
    "dispatch.after_claim",
    "dispatch.before_intent",
    "dispatch.after_intent",
    "dispatch.after_send",
    "dispatch.before_commit",
    "dispatch.after_delta",
    "dispatch.after_file",
    "dispatch.after_manifest",
    "train_uplift.before_commit",
    "train_uplift.after_commit",
    "deliver.before_rename",
    "deliver.before_receipt",
    "migrate.after_script",
    "migrate.before_commit",
    "back_up.before_manifest",
    "back_up.after_rename",
    "restore.after_files",
    "restore.before_mark",
    "rotate_key.between_keys",
    "rotate_key.after_keys",
    "rotate_key.before_commit",
    "pseudonymise.after_people",
    "pseudonymise.before_commit",
    "fill_contact_list.before_commit",
    "empty_lines.after_rename",
    "forget.after_keeping_outside",
    "forget.after_tombstones",
    "forget.before_rows_commit",
    "forget.after_rows",
    "forget.after_quarantine",
    "forget.after_archive",
    "forget.after_files",
    "forget.after_storage",
    "forget.before_end",
    "deliver_events.after_cut",
    "deliver_events.after_ingest",
    "deliver_events.before_commit",
    "refresh.before_commit",
    "refresh.after_commit",
    "record_consent.before_commit",
    "expire.before_commit",
    "record_event.after_head",
    "record_event.before_commit",
    "record_event.after_commit",
)


def failpoint(name: str) -> None:
    """Die here if the environment says so.

    Raises
    ------
    KeyError
        If `name` is not in `FAILPOINTS`.
    """
    if name not in FAILPOINTS:
        raise KeyError(f"{name!r} is no registered failpoint; add it to FAILPOINTS.")
    if os.environ.get("RETENTION_FAILPOINT") == name:
        os.kill(os.getpid(), signal.SIGKILL)
