"""What stays: many trainings of one question."""
