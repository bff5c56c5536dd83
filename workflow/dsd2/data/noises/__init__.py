"""The kinds of label noise, registered in :data:`dsd2.recipe.NOISES`."""
