"""ParNet and its relatives: specs drawn as Keras graphs.

Importing this package imports no framework; the modules that build networks do.
"""
