"""What each verb of the command line does: reads artefacts, calls the science, writes."""
