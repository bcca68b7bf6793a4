"""Grids and searches: many trainings of one question, each run once, ranked by the program's own metric."""
