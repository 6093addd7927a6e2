"""Who is asked where something stands on the web: providers behind one protocol, and their chain.

Nobody waits longer than a deadline for any of them, and how each one ended is told in words.
"""
