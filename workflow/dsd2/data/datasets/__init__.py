"""The datasets, registered in :data:`dsd2.recipe.DATASETS`."""
