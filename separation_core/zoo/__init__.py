"""From a model name to a ready separator."""
