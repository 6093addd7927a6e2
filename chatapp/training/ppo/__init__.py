"""Proximal policy optimisation of a chat model against a reward model (arXiv:2203.02155)."""
