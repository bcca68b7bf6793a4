"""What stays: from an ended worker to everything that people look at."""
