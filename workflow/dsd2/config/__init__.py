"""What is to be run: the configuration, checked and resolved into studies, runs and paths."""
