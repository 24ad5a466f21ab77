"""What is wrong with a set of pictures: unreadable and odd files, duplicates, leaks, balance.

Nothing is imported here; `parnet_zoo.training.data_check` conducts a whole check.
"""
