"""What stays: single AWS services, a module for each."""
