"""A first recipe for a folder of pictures: what to look at, what to choose, how to write it."""
