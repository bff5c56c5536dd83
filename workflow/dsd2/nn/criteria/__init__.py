"""The pruning criteria, registered in :data:`dsd2.recipe.CRITERIA`."""
