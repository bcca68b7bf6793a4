"""What stays: run folders, written and read back."""
