"""Heads that read a GPT's hidden states: classes, choices, rewards and values."""
