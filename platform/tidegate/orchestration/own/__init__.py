"""A user's own assets, sensors, schedules, jobs and resources, beside Tidegate's."""
