"""From a trained network to a version that answers: packing, logging, loading, predicting."""
