"""Images and labels: where they come from, how they are split, how labels get noisy."""
