"""What a sweep is made of; `training.sweep` conducts it."""
