"""One table of every policy that a run has: what it earns and what it cost."""
