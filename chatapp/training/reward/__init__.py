"""The reward model: a scalar for an answer, learned from which of two answers people preferred."""
