"""Networks, and what is done to them: pruning, perturbing, training, measuring."""
