"""The fit: from a recipe to a registered version.

Importing this package imports no framework; `training.run` does so when a run begins.
"""
