"""The blog's Keras port of ParNet, a family of its own."""
