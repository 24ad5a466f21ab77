"""The parts of `compare`: what a run or version has, what is measured now, what is drawn."""
