"""Reaching the network: `fetch` for pages of strangers, `http` for APIs a person set up."""
