"""The parts of a promotion: images, measurements, the gate, the rules."""
