"""The stopping policies, registered in :data:`dsd2.stopping.POLICIES`."""
