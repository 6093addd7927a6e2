"""Records that teach a model the forms in which this app asks it and expects its answers."""
