"""What stays: a run found by any name, and a run as one file."""
