"""Harmless wishes in the frames of requests for harm."""

from __future__ import annotations

import random

from chatapp.moderation.frames import framed, wishes


def test_a_wish_is_what_an_instruction_asks_for() -> None:
    """What begins with a verb and its object is one; questions and long texts are none."""
    asked = ["Write a letter to my aunt.", "Who wrote it?", "Plan the week: Monday", "Sort " * 40]
    assert list(wishes(asked)) == ["write a letter to my aunt", "plan the week"]


def test_each_thing_is_asked_in_several_ways() -> None:
    """No frame comes twice for one thing, and the thing stands in every one."""
    made = list(framed(["open a bank account", "kill weeds"], 5, random.Random(1)))
    assert len(set(made)) == 10
    assert sum("open a bank account" in one for one in made) == 5
