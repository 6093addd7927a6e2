"""The suite `grounded`: are answers right, do their citations bear them out, and when to refuse."""
