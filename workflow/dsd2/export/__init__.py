"""From a pruned network to files that other programs load."""
