"""Which partitions are due, whether their gate is open, publishing them together, and rolling back.

`due` is the one rule of what is due. When to look, and what to launch then, belongs to the sensors and schedules in
`orchestration`.
"""
