"""What travels and belongs to one framework."""
