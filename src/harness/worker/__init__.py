"""What travels: the program inside a job. It verifies, trains and records."""
