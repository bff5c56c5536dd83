"""The divergences of distillation, registered in :data:`dsd2.recipe.DIVERGENCES`."""
