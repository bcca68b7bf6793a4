"""What stays: one worker on this machine, started, followed and collected."""
