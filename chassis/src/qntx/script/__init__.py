"""What a script may call: attestations, handlers, schedules, results."""
