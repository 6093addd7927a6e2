"""A calculator without `eval`: exact numbers, units of time, dates; whatever is typed, it ends.

The thing to know: numbers are fractions, so 0.1 + 0.2 is 0.3 and 1/3 is a third; only functions
such as `sin`, and roots that are no fraction, give rounded numbers, and what comes of those says
so. Length, depth and digits are capped before anything is computed that would need time or memory.
"""

from tools.calculator.evaluate import calculate, evaluate
from tools.calculator.output import format_number, in_words
from tools.calculator.tool import Calculator

__all__ = ["Calculator", "calculate", "evaluate", "format_number", "in_words"]
