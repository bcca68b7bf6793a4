"""Sweeps: several trainings of one question, by a grid or by Optuna, gone on with where they broke off."""
