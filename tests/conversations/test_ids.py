"""ULIDs sort by time, never repeat, and can be made repeatable."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from chatapp.conversations.ids import UlidFactory, timestamp

START = datetime(2026, 1, 1, tzinfo=UTC)


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=50))
def test_ids_increase_even_when_the_clock_stands_still_or_goes_back(steps):
    now = START

    def clock() -> datetime:
        return now

    make = UlidFactory(clock)
    ids = []
    for step in steps:
        now = now + timedelta(milliseconds=step)
        ids.append(make())
    assert ids == sorted(set(ids))
    assert {len(made) for made in ids} == {26}


def test_a_fixed_clock_and_no_randomness_make_the_same_ids_each_time():
    def ids() -> list[str]:
        make = UlidFactory(lambda: START, random_bits=lambda: 0)
        return [make() for _ in range(3)]

    assert ids() == ids()
    # 1,767,225,600,000 ms in base 32
    assert ids()[0] == "01KDVDNA000000000000000000"


def test_timestamps_are_utc_with_milliseconds():
    assert timestamp(START + timedelta(milliseconds=5)) == "2026-01-01T00:00:00.005Z"
