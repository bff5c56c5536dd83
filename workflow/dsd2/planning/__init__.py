"""What is to be done, given the studies and what lies on the disk; nothing here trains."""
