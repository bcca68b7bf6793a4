"""What travels to the worker and is agreed by both sides: plans, records, programs. Standard library only."""
