"""The networks: one module each, registered in :data:`dsd2.recipe.NETWORKS`."""
