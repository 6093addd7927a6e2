"""Tools a chat can use: a small protocol, a registry, and the tools themselves."""
