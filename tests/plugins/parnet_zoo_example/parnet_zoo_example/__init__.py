"""A plain convolutional network as a backbone family of parnet-zoo.

Nothing here but `network.py` imports a framework, so that listing the registry stays quick.
"""
