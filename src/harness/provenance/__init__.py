"""What stays: which code a run comes from, and what must never leave with it."""
