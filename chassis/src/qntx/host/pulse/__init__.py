"""Jobs and schedules, over DBOS."""
