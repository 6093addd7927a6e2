"""The HTTP API that other programs already speak; `runner.serve` starts it."""
