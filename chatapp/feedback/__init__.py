"""Feedback: what a person thought of answers, kept with what was asked, ready to train on."""

from chatapp.feedback.store import Feedback, Judgement

__all__ = ["Feedback", "Judgement"]
