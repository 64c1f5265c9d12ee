"""Photos: decoded, found in folders, seen by a model and laid over each other; no torch."""
