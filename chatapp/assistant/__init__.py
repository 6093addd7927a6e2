"""The assistant: one question in, one stream of typed events out (`assistant.Assistant`)."""
