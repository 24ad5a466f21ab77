"""All that speaks to MLflow while a run lives: store, journal, run, dead runs, aliases.

Nothing here imports mlflow before it is needed: importing it takes one to two seconds.
"""
