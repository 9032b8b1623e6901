"""Which partitions are due, whether their gate is open, publishing them together, and rolling back.

`due_days` decides that a day is due, `due_periods` that a Monday is, `due_outputs` that an export or a page is. When to
look, and what to launch then, belongs to the sensors and schedules in `orchestration`.
"""
