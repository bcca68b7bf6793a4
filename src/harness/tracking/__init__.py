"""What stays: copies of a run for Comet, made by child processes."""
