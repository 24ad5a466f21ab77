"""Pictures in: folder scan, decoded-image store, augmentation, batches.

Nothing is imported here, so that a recipe can use `augmentation_spec` without numpy or TensorFlow.
"""
