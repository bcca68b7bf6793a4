"""What stays of the program."""
