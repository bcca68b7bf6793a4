"""What is trained: one folder for each program."""
