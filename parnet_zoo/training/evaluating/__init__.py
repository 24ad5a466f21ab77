"""The parts of `evaluate`: which images, what is measured on them, what comes out."""
