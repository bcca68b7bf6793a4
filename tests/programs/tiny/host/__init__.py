"""What stays of the tiny program."""
