"""The typed sections of a recipe, and what must hold between them."""
