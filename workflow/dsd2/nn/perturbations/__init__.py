"""The perturbations, registered in :data:`dsd2.recipe.PERTURBATIONS`."""
