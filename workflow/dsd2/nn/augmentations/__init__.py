"""The augmentations, registered in :data:`dsd2.recipe.AUGMENTATIONS`."""
