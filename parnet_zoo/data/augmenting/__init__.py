"""The augmentations, one a file: what each draws for an image, and what it does to pixels.

What is drawn is numpy in double precision, a few numbers an image. What is done to pixels is
TensorFlow, written so that XLA makes few passes over memory of all of it together.
"""
