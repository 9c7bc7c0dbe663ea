"""What leaves the house: messages that wait, the door that sends them, what became of each try.

`enqueue` puts messages in, inside the transaction that decides about them. `dispatch` sends what
is due: by mail at most once, to a webhook or a file exactly once. The ledger in the warehouse
remembers, not the task: it may be run, killed and run again at any time.
"""
