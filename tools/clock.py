"""The tool `clock`: what day and time it is, here or in any time zone, now or at a given moment."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from tools.protocol import Json, ToolContext, ToolError, ToolOutput, Unavailable

_OFFSET = re.compile(r"(?:GMT|UTC)\s?([+\-−–])\s?(\d{1,2})(?::?([0-5]\d))?", re.IGNORECASE)


class Clock:
    """Date, time, day of the week, zone and its offset."""

    name = "clock"
    description = (
        "Tell the date, the time and the day of the week, in the person's own time zone or in "
        "another one such as Europe/Berlin or Tokyo, now or at a given moment."
    )
    schema: Mapping[str, Json] = {
        "type": "object",
        "properties": {
            "time_zone": {"type": "string", "description": "such as Asia/Tokyo, or a city"},
            "at": {"type": "string", "description": "a moment such as 2026-11-22T14:30+01:00"},
        },
        "additionalProperties": False,
    }
    needs_approval = False

    def available(self) -> Unavailable | None:
        """It always is."""
        return None

    def run(self, arguments: Mapping[str, Json], context: ToolContext) -> ToolOutput:
        """See `Tool.run`."""
        here = context.clock()
        moment = _moment(arguments["at"], here.tzinfo) if arguments.get("at") else here
        wanted = str(arguments.get("time_zone", "")).strip()
        if wanted:
            zone = _zone(wanted)
            try:
                moment = moment.astimezone(zone)
            except (OverflowError, ValueError):
                raise ToolError("That moment is beyond the calendar.") from None
        return ToolOutput(_in_words(moment), "time", _as_json(moment))


def knows_zone(name: str) -> bool:
    """Return whether this is "GMT+5", or names a zone or a city that stands for one.

    Capitals and accents make no difference.
    """
    return bool(_OFFSET.fullmatch(name.strip())) or _key(name) in _zones()


def _moment(text: str, zone: tzinfo | None) -> datetime:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ToolError(
            f"{text!r} is no moment; write it as 2026-11-22T14:30 or 2026-11-22T14:30+01:00."
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _zone(name: str) -> tzinfo:
    """Return the zone of this name, or of the city that is the last part of its name."""
    if offset := _OFFSET.fullmatch(name.strip()):
        return _fixed(*offset.groups("0"))
    zones = _zones()
    if not zones:
        raise ToolError("This machine has no time zones: pip install tzdata adds them.")
    key = _key(name)
    if key in zones:
        return ZoneInfo(zones[key])
    near = difflib.get_close_matches(key, zones, n=3, cutoff=0.6)
    nearest = f" Near to it are: {', '.join(zones[each] for each in near)}." if near else ""
    raise ToolError(f"There is no time zone {name!r}.{nearest}")


def _key(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.replace(" ", "_"))
    return "".join(filter(str.isascii, plain)).casefold()


def _fixed(sign: str, hours: str, minutes: str) -> tzinfo:
    """Return GMT+5 as people mean it, east of Greenwich; the zone Etc/GMT+5 is west of it."""
    behind = timedelta(hours=int(hours), minutes=int(minutes))
    if behind >= timedelta(days=1):
        raise ToolError(f"There is no time zone {hours} hours from UTC.")
    return timezone(-behind if sign in "-−–" else behind)


@cache
def _zones() -> dict[str, str]:
    """Return the names of all zones by themselves and by their last part, in small letters."""
    names = sorted(available_timezones(), reverse=True)  # Europe/Dublin wins over Eire's kin
    cities = {name.rpartition("/")[2].casefold(): name for name in names if "/" in name}
    return cities | {name.casefold(): name for name in names}


def _in_words(moment: datetime) -> str:
    date = f"{moment:%A}, {moment.day} {moment:%B} {moment.year}"
    return f"{date}, {moment:%H:%M:%S} {_zone_in_words(moment)}"


def _zone_in_words(moment: datetime) -> str:
    offset = f"{moment:%z}"
    utc = f"UTC{offset[:3]}:{offset[3:5]}" if offset.strip("+-0") else "UTC"
    zone = getattr(moment.tzinfo, "key", None) or moment.tzname() or ""
    return utc if zone in ("", "UTC") or zone.startswith("UTC") else f"{zone} ({utc})"


def _as_json(moment: datetime) -> Json:
    year, week, _ = moment.isocalendar()
    return {
        "iso": moment.isoformat(timespec="seconds"),
        "weekday": f"{moment:%A}",
        "week": f"{year}-W{week:02d}",
        "unix": int(moment.timestamp()),
    }
