"""What the templates of an encyclopaedia leave in its text.

The thing to know: a dump holds calls of templates, not what they make. The ones that stand inside
sentences (`{{convert|5|km}}`, `{{birth date|1879|3|14}}`) are written out here, for otherwise
sentences lose their numbers; infoboxes give facts; every other one (navigation, notices, sources)
is left out, as a reader skips it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

MAX_FACTS = 40
_LONGEST_FACT = 300

Values = dict[str, str]


class Call(NamedTuple):
    """A call of a template: its values by place and by name, without the empty ones at the end."""

    name: str
    places: list[str]
    names: Values

    def at(self, place: int) -> str:
        """Return the value at `place` from 1, "" when there is none."""
        return self.places[place - 1] if place <= len(self.places) else ""


class Facts:
    """What the infoboxes of a page tell, in order."""

    def __init__(self) -> None:
        self._lines: dict[str, str] = {}

    def add(self, call: Call) -> None:
        """Take the values a reader would look up; file names, sizes and colours are passed over."""
        for name, value in call.names.items():
            lines = (" ".join(line.split()).lstrip("* ") for line in _LINE_END.split(value))
            told = ", ".join(filter(None, lines)).strip(" ,*")
            if not told or len(told) > _LONGEST_FACT or _FOR_LAYOUT.search(name):
                continue
            if len(self._lines) < MAX_FACTS and any(char.isalnum() for char in told):
                label = name.replace("_", " ").strip()
                self._lines.setdefault(label, f"{label[:1].upper()}{label[1:]}: {told}")

    def lines(self) -> list[str]:
        """Return `Name: value` lines."""
        return list(self._lines.values())


_LINE_END = re.compile(r"<br\s*+/?>|\n", re.IGNORECASE)
_FOR_LAYOUT = re.compile(
    r"image|caption|photo|logo|\bmap|_map|pushpin|width|size|colou?r|foot_?note|\bref|_ref|coord"
    r"|^lat|^lon|website|\burl|style|module|embed|class|header|label|\balt$|_alt|signature|sound"
    r"|audio|font|position|flag|shield|seal|blank|^name$|native_name_lang|bodystyle|^title$|^\d+$",
    re.IGNORECASE,
)
_INFOBOX = re.compile(r"infobox|taxobox|speciesbox|chembox|drugbox|geobox|planetbox", re.IGNORECASE)
_MONTH_NAMES = (
    "January February March April May June July August September October November December"
)
_MONTHS = _MONTH_NAMES.split()


def expand(inner: str, facts: Facts | None) -> str:
    """Return the text of the call between `{{` and `}}`; an infobox adds to `facts`, if given."""
    if inner.startswith("{"):  # `{{{1|default}}}`: a parameter, only templates have them
        return ""
    call = parse(inner)
    if facts is not None and _INFOBOX.search(call.name):
        facts.add(call)
        return ""
    written = _WRITTEN.get(call.name) or _by_prefix(call.name)
    return written(call) if written else ""


def parse(inner: str) -> Call:
    """Return the call; the templates inside it have been written out already."""
    head, *rest = inner.split("|")
    places: list[str] = []
    names: Values = {}
    for value in rest:
        name, equals, told = value.partition("=")
        if not equals or "<" in name:
            places.append(value.strip())
        elif name.strip().isdigit():
            _put(places, int(name), told.strip())
        else:
            names[name.strip()] = told.strip()
    return Call(head.strip().replace("_", " ").lower(), places, names)


def _put(places: list[str], place: int, value: str) -> None:
    if 0 < place <= 20:
        places.extend([""] * (place - len(places)))
        places[place - 1] = value


def _first(call: Call) -> str:
    return call.at(1)


def _second(call: Call) -> str:
    return call.at(2) or call.at(1)


def _last(call: Call) -> str:
    return call.places[-1] if call.places else ""


def _listed(call: Call) -> str:
    items = re.split(r"\n[^\S\n]*+\*", "\n* ".join(["", *call.places]))
    return ", ".join(item.strip() for item in items if item.strip(" *\n"))


def _date(call: Call) -> str:
    """Return "14 March 1879" of year, month and day; a date in words stays as it is."""
    year, month, day = (call.at(place) for place in (1, 2, 3))
    if not year.isdigit():
        return year
    if not (month.isdigit() and 1 <= int(month) <= 12):
        return year
    return " ".join(part for part in (day.lstrip("0"), _MONTHS[int(month) - 1], year) if part)


def _written_date(call: Call) -> str:
    return " ".join(part for part in call.places[:3] if part)


_JOINS = {"to": "to", "and": "and", "or": "or", "by": "by", "x": "by", "-": "–", "–": "–"}
_JOINS |= {"to(-)": "to", "and(-)": "and", "to about": "to about", "+/-": "±", "±": "±", "*": "×"}


def _convert(call: Call) -> str:
    """Return "5 km", "5–10 km" or "6 ft 2 in": what was measured, in the unit it was measured in.

    What follows the first unit asks for another unit, which nobody measured.
    """
    parts: list[str] = []
    values = call.places
    for place, value in enumerate(values):
        if value in _JOINS:
            parts.append(_JOINS[value])
        elif value[:1].isdigit() or value[:1] in "-−+.":
            parts.append(value)
        else:
            parts.append(value)
            finer = values[place + 1 : place + 3]
            if value in ("ft", "st", "lb") and len(finer) == 2 and finer[0][:1].isdigit():
                parts += finer
            break
    return " ".join(part for part in parts if part).replace(" – ", "–")


def _fraction(call: Call) -> str:
    whole, top, bottom = ["", "", *call.places][-3:] if len(call.places) < 3 else call.places[:3]
    if len(call.places) == 1:
        return f"1/{call.places[0]}"
    return f"{whole} {top}/{bottom}".strip()


def _money(sign: str) -> Callable[[Call], str]:
    return lambda call: f"{sign}{call.at(1)}"


def _between(before: str, after: str = "") -> Callable[[Call], str]:
    return lambda call: f"{before}{call.at(1)}{after}" if call.at(1) else ""


def _always(text: str) -> Callable[[Call], str]:
    return lambda call: text


def _reign(call: Call) -> str:
    return "r. " + "–".join(place for place in call.places[:2] if place)


def _person(call: Call) -> str:
    return f"{call.at(1)} {call.at(2)}".strip()


def _nihongo(call: Call) -> str:
    others = ", ".join(place for place in call.places[1:3] if place)
    return f"{call.at(1)} ({others})" if call.at(1) and others else call.at(1) or others


def _quoted(call: Call) -> str:
    text = call.names.get("text") or call.names.get("quote") or call.at(1)
    by = call.names.get("author") or call.names.get("sign") or call.at(2)
    return f"\n\n{text}{' — ' + by if by else ''}\n\n"


def _joined(call: Call) -> str:
    return "".join(call.places)


def _named(names: str, written: Callable[[Call], str]) -> dict[str, Callable[[Call], str]]:
    return dict.fromkeys(names.split(","), written)


_OUTCOMES = {"yes": "Yes", "no": "No", "won": "Won", "nom": "Nominated"}
_WRITTEN: dict[str, Callable[[Call], str]] = {
    **_named("convert,cvt,convertit,conv", _convert),
    **_named(
        "birth date,birth date and age,death date,death date and age,start date,end date,dob,bda,"
        "start date and age,birth-date,death-date,film date,release date,birth year and age,"
        "death year and age,start-date,end-date,birth date and age2,opw date",
        _date,
    ),
    **_named("date,dts,time ago", _written_date),
    **_named("lang,langx,transl,transliteration,script,lang-su-fonts", _last),
    **_named(
        "nowrap,nobr,small,smaller,big,bigger,larger,center,centre,abbr,tooltip,sic,visible anchor,"
        "vanchor,anchor text,smallcaps,sc,noitalic,nohly,em,strong,mvar,math,var,code,mono,kbd,"
        "sub,sup,ill,interlanguage link,interlanguage link multi,flag,flagcountry,flagu,flaglist,"
        "flagathlete,nts,number table sorting,val,gaps,num,formatnum,as written,not a typo,proper "
        "name,linktext,box,keypress,zh,unicode,iast,ship name,nobold,plain,u,s,b,i,text,"
        "country data,sclass,post-nominals,playing card,char,angbr,nbhyph,hs,linked year,year,"
        "oldstyle date,currency,marriage,party name,team,nom de guerre,quote in,'",
        _first,
    ),
    **_named("color,colour,font color,background color,sort,hover title,resize,lang2", _second),
    **_named(
        "plainlist,flatlist,hlist,ubl,unbulleted list,flat list,bulleted list,cslist", _listed
    ),
    **_named("quote,blockquote,cquote,quotation,quote box,rquote,poemquote,poem quote", _quoted),
    **_named("frac,fraction,sfrac,frac2", _fraction),
    **_named("circa,c.,ca.", lambda call: f"c. {call.at(1)}".strip()),
    **_named("reign,r.", _reign),
    **_named("sortname,person", _person),
    **_named("nihongo,nihongo2,nihongo3,korean,nihongo foot", _nihongo),
    **_named("chem,chem2,ce,chem name,su", _joined),
    **_named("us$,usd,$", _money("$")),
    **_named("£,gbp,gbpconvert", _money("£")),
    **_named("€,eur,euro", _money("€")),
    **_named("¥,jpy,jpyconvert", _money("¥")),
    **_named("inr,inrconvert,indian rupee,₹", _money("₹")),
    **_named("as of,asof", lambda call: " ".join(["As of", _written_date(call)])),
    **_named("floruit,fl.", _between("fl. ")),
    **_named("yes,won,nom,no", lambda call: call.at(1) or _OUTCOMES[call.name]),
    **_named("snd,spnd,spaced ndash,spaced en dash,spaced endash,dash", _always(" – ")),
    **_named("ndash,en dash,–,nsndns", _always("–")),
    **_named("mdash,em dash,—,snds", _always("—")),
    **_named("nbsp,space,spaces,pad,thinsp,hair space,zwsp,,clear,-,wbr", _always(" ")),
    **_named("·,•,dot,bullet,middot,hsp", _always(" · ")),
    **_named("!", _always("|")),
    **_named("=", _always("=")),
}


def _by_prefix(name: str) -> Callable[[Call], str] | None:
    """Return what writes out `{{lang-de|…}}` and `{{formatnum:5}}`, whose names vary."""
    if name.startswith("lang-"):
        return _first
    if name.startswith(("formatnum:", "lc:", "uc:", "ucfirst:", "lcfirst:", "nowrap:")):
        return lambda call: name.partition(":")[2].strip()
    return None
