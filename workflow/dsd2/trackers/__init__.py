"""Programs that show experiments, each fed with a study's metrics by one module."""
