"""The content filter: a small head that says how likely a text asks for harm."""
