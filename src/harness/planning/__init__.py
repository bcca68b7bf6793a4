"""What stays: from settings or an earlier run to a plan that can start."""
