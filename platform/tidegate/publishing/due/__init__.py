"""The one rule of what is due, for days, Mondays, months, exports and pages alike.

A thing is due when what it is made of differs from what it was made of. `ledger/inputs.sql` says which of its inputs
differ, by name; `made_of` what the inputs are, and `partitions` and `outputs` what follows. All of it comes from the
ledger alone, so it does not matter who loaded what, in which order, or what crashed between. When the turn of what is
due comes is decided in `orchestration`.
"""
