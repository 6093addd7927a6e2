"""Reaching the network: `http` is the one module that imports httpx."""
