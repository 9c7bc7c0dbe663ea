"""The one writer of `raw.*` and `quarantine.*`: the ledger of deliveries.

landing           new batches and files: what `land` enters
replays           batches of quarantined rows: what `replay` enters
staging           what `stage` reads from the ledger and writes to it
batches           a staged batch until it is closed: what `check` and `curate` read and write
quarantine_batch  every row of a batch that `check` holds back
"""
