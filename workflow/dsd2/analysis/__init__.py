"""What the numbers say: gates, phases and verdicts, costs. Pure functions, no torch."""
