"""How good a network is, in numbers and figures."""
