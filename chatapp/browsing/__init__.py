"""The learned policy of the browser: a chat model that chooses commands under a token mask."""
