"""Direct preference optimisation: the cheaper route from the same comparisons."""
