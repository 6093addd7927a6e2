"""Word problems: the steps of arithmetic that a text asks for, and what they come to."""

from chatapp.solving.solver import Solution, Solver, load_solver

__all__ = ["Solution", "Solver", "load_solver"]
