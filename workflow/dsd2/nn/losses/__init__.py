"""The training losses, registered in :data:`dsd2.recipe.LOSSES`."""
