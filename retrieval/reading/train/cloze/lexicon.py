"""Words that say where a possible answer begins, ends, and of what kind it is."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


MONTHS = _words("""
    january february march april may june july august september october november december
""")
NUMBERS = _words("""
    one two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty
    hundred thousand million billion dozen half
""")
# words that names hold in lower case
INSIDE = _words("of the de la le du van von der den di da del al bin ibn and &")
# words that end a run of content words
BREAKS = _words("""
    is are was were be been being has have had do does did and or but that which who whom
    whose when where while because as by in on at from to with for into than during after
    before since until if it they he she this these those also not can could will would may
    might must should such then so there his her its their an a the we i you under over
    between through
""")
AUXILIARIES = _words("""
    is are was were has have had can could will would may might must should did does do
""")
# words that begin a clause
CUTS = _words("which who that when where while because although but whereas")
PRONOUNS = _words("he she it they him them his her its their")
# words before a place
PLACE_BEFORE = _words("in at near from to within outside around into")
# words whose vectors are like those of people's names
PEOPLE = [
    "john",
    "james",
    "maria",
    "robert",
    "william",
    "anna",
    "george",
    "david",
    "peter",
    "smith",
]
# and of places' names
PLACES = [
    "london",
    "france",
    "germany",
    "ontario",
    "india",
    "city",
    "california",
    "village",
    "africa",
    "chicago",
]
