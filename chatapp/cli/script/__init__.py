"""Scripts: the language of `chatapp run`, what carries it out, and how a transcript is compared."""
