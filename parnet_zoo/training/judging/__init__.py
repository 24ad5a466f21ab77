"""The parts of the judgement of a trained network."""
