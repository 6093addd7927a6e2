"""What stands first in an answer of quotes: a short answer, a disagreement, a wrong premise."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chatapp.assistant.composing import Found, compose
from chatapp.assistant.disagreement import Claim, asks_for_several, conflict, disagree
from chatapp.assistant.naming import named_in
from chatapp.assistant.premise import may_stand_in, premise_of
from retrieval.question import AnswerKind
from retrieval.types import Quote

BELL = "Alexander Graham Bell was granted a patent for the telephone he invented in 1876."


def found(
    n: int,
    text: str,
    title: str = "Page",
    *,
    around: str = "",
    answer: str = "",
    certainty: float = 0.9,
) -> Found:
    uri = f"https://{n}.example/"
    quote = Quote(text, "", f"d{n}", uri, title, 0, len(text), 0.8, answer, certainty)
    return Found(n, quote, around)


def said(question: str, *quotes: Found) -> str:
    return "".join(part.text for part in compose(question, quotes))


class TestShortAnswers:
    def test_the_one_time_of_a_quote_stands_first(self):
        text = said("When was the tower opened?", found(1, "The tower was opened in 1889."))
        assert text == "1889 [1]\n\nThe tower was opened in 1889. [1]"

    def test_what_a_reader_is_not_sure_of_does_not_stand_first(self):
        """A wrong short answer is worse than a quote in which a person finds the right one."""
        text = "The county seat of Orn is Halm."
        unsure = found(1, text, answer="county seat", certainty=0.2)
        assert said("What is the county seat of Orn?", unsure) == f"{text} [1]"

    def test_what_a_reader_points_at_stands_first(self):
        quote = found(
            1, "The tower was designed by Stephen Sauvestre in Paris.", answer="Stephen Sauvestre"
        )
        assert said("Who designed the tower?", quote).startswith("Stephen Sauvestre [1]\n\n")

    def test_the_value_of_a_labelled_line_needs_no_sentence_that_bears_it_out(self):
        line = "Population: total: 364,036 (2024 est.); male: 182,268"
        plain = found(1, line, "Orn", answer="364,036")
        labelled = replace(plain, quote=replace(plain.quote, labelled=True))
        question = "How many people live in Orn?"
        said_of = [
            "".join(part.text for part in compose(question, [each], lambda claim, text: 0.0))
            for each in (plain, labelled)
        ]
        assert said_of == [f"{line} [1]", f"364,036 [1]\n\n{line} [1]"]

    @pytest.mark.parametrize(
        ("question", "quote"),
        [
            ("When was it begun?", "It was begun in 1887 and opened in 1889."),
            ("Which animal is the largest?", "The blue whale is the largest; it grows up to 30 m."),
            ("How does it work?", "It works by 2 springs."),
        ],
    )
    def test_what_would_be_a_guess_does_not_stand_first(self, question, quote):
        """Two times, a name, a manner: the quote is the answer."""
        assert said(question, found(1, quote)) == f"{quote} [1]"

    @pytest.mark.parametrize(
        ("question", "quote", "pointed", "first"),
        [
            (
                "When did Ada Berg die?",
                "Ada Berg (February 29, 1860 – November 17, 1929) was an inventor of machines.",
                "February 29, 1860 – November 17, 1929",
                "November 17, 1929 [1]",
            ),
            (
                "When was Ada Berg born?",
                "Ada Berg (1860 – 1929) was an inventor.",
                "1860 – 1929",
                "1860 [1]",
            ),
            (
                "When did Ada Berg rule?",
                "Ada Berg (1860 – 1929) was an inventor.",
                "1860 – 1929",
                "1860 – 1929 [1]",
            ),
            (
                "Where was Selim born?",
                "Selim was born in Constantinople (Istanbul), on 28 May 1524.",
                "Constantinople (Istanbul",
                "Constantinople (Istanbul) [1]",
            ),
            (
                "Where was Selim born?",
                "Selim was born in Constantinople (Istanbul today), on 28 May 1524.",
                "Constantinople (Istanbul",
                "Constantinople [1]",
            ),
        ],
    )
    def test_what_a_reader_points_at_is_made_to_stand_alone(self, question, quote, pointed, first):
        assert said(question, found(1, quote, answer=pointed)) == f"{first}\n\n{quote} [1]"

    @pytest.mark.parametrize(
        ("question", "quote", "pointed"),
        [
            (
                "How do I undo a delete?",
                "The command /undo brings back what was deleted last, and /restore any.",
                "last, and /restore",
            ),
            (
                "How high is the tower?",
                "The tower dates to around the 10th century, and is 30 m high.",
                "10th century",
            ),
            (
                "How long did Selim rule?",
                "Selim (28 May 1524 – 15 December 1574) was the Sultan until his death.",
                "28",
            ),
        ],
    )
    def test_a_piece_that_cannot_answer_is_left_out(self, question, quote, pointed):
        assert said(question, found(1, quote, answer=pointed)) == f"{quote} [1]"

    def test_a_short_answer_that_its_quote_does_not_bear_out_is_not_said(self):
        """It is put into its question, and the checker decides; the quote stands either way."""
        quote = found(
            1, "Ada Quill opened the tower in 1889, when Bo Reed was a boy.", answer="Bo Reed"
        )
        asked: list[tuple[str, str]] = []

        def doubtful(statement: str, text: str) -> float:
            asked.append((statement, text))
            return 0.49

        parts = compose("Who opened the tower?", [quote], doubtful)
        assert [part.text for part in parts] == [f"{quote.quote.text} [1]"]
        assert asked == [("Who opened the tower Bo Reed", quote.quote.text)]
        sure = compose("Who opened the tower?", [quote], lambda statement, text: 0.5)
        assert sure[0].text == "Bo Reed [1]\n\n"

    def test_each_citation_comes_once_with_its_quote(self):
        parts = compose("When was the tower opened?", [found(1, "The tower was opened in 1889.")])
        assert [citation.n for part in parts for citation in part.citations] == [1]


class TestDisagreement:
    def test_two_years_for_one_event_are_both_named(self):
        text = said(
            "When was the tower opened?",
            found(1, "The tower was opened in 1889."),
            found(2, "The tower was opened in 1888."),
        )
        assert text.startswith("Sources disagree: 1889 [1], 1888 [2].\n\n")

    def test_one_document_does_not_disagree_with_itself(self):
        first = found(1, "The tower was opened in 1889.")
        second = Found(2, Quote("It was opened again in 1925.", "", "d1", "", "", 40, 68, 0.8))
        assert said("When was the tower opened?", first, second).startswith("1889 [1]\n\n")

    @pytest.mark.parametrize(
        ("kind", "one", "other"),
        [
            (AnswerKind.TIME, "1912", "15 April 1912"),
            (AnswerKind.TIME, "the 19th century", "1889"),
            (AnswerKind.TIME, "March", "1912"),
            (AnswerKind.NUMBER, "330 metres", "1,083 feet"),
            (AnswerKind.NUMBER, "about 330 metres", "330 metres"),
            (AnswerKind.NUMBER, "8,849 metres", "8,848 metres"),
            (AnswerKind.PERSON, "Leonardo", "Leonardo da Vinci"),
            (AnswerKind.OTHER, "red", "blue"),
            (AnswerKind.TIME, "1914 to 1918", "1916"),
            (AnswerKind.PERSON, "Trajan", "the Roman army"),
            (AnswerKind.PERSON, "Ada Lind", "her husband"),
            (AnswerKind.PERSON, "Antonín Dvořák", "Dvorak"),
            (AnswerKind.PLACE, "USA", "the United States"),
            (AnswerKind.PLACE, "Munich", "München"),
        ],
    )
    def test_answers_that_can_both_be_right_do_not_conflict(self, kind, one, other):
        assert not conflict(kind, one, other)
        assert not conflict(kind, other, one)

    @pytest.mark.parametrize(
        ("kind", "one", "other"),
        [
            (AnswerKind.TIME, "1912", "1915"),
            (AnswerKind.TIME, "15 April 1912", "14 April 1912"),
            (AnswerKind.TIME, "March 1912", "April 1912"),
            (AnswerKind.NUMBER, "330 metres", "300 metres"),
            (AnswerKind.PERSON, "Alexander Graham Bell", "Antonio Meucci"),
            (AnswerKind.TIME, "1914 to 1918", "1939 to 1945"),
            (AnswerKind.PLACE, "in Riga", "Tallinn"),
        ],
    )
    def test_answers_that_cannot_both_be_right_conflict(self, kind, one, other):
        assert conflict(kind, one, other)

    @pytest.mark.parametrize(
        ("question", "one", "other"),
        [
            (  # a place may lie in the other
                "Where is the tower?",
                Claim("Paris", "The tower stands in Paris."),
                Claim("France", "The tower is in France."),
            ),
            (  # the beginning and the end
                "When was the cathedral built?",
                Claim("1248", "It was built from 1248 on."),
                Claim("1880", "It was completed in 1880."),
            ),
            (  # other years
                "How many people live in Brellin?",
                Claim("12,000", "Brellin has 12,000 inhabitants."),
                Claim("4,300", "Brellin had 4,300 inhabitants in 1890."),
            ),
            (
                "Who is the mayor of Brellin?",
                Claim("Paul Kern", "The mayor of Brellin is Paul Kern."),
                Claim("Anna Berg", "In 1990 Anna Berg was mayor of Brellin."),
            ),
            (
                "Who coached Norden?",
                Claim("Tom Reil", "Norden was coached by Tom Reil from 2001 to 2004."),
                Claim("Uwe Stahl", "Norden was coached by Uwe Stahl from 2005 to 2009."),
            ),
            (
                "Who won the Kerst cup?",
                Claim("FC Tann", "The Kerst cup was won by FC Tann in 2011."),
                Claim("SV Moor", "The Kerst cup was won by SV Moor in 2014."),
            ),
            (
                "When did the Varn company move to Oslo?",
                Claim("1900", "The Varn company moved to Oslo by 1900."),
                Claim("1897", "The Varn company moved to Oslo in 1897."),
            ),
            (  # two things with one name
                "When was Saint Mary's church built?",
                Claim("1340", "Saint Mary's church in Pell was built in 1340."),
                Claim("1502", "Saint Mary's church in Brook was built in 1502."),
            ),
            (
                "When was Millbrook founded?",
                Claim("1818", "It was founded in 1818.", "Millbrook, Ohio"),
                Claim("1636", "Millbrook in Kent was founded in 1636."),
            ),
            (  # bounds
                "How many guests came to the fair?",
                Claim("300", "More than 300 guests came to the fair."),
                Claim("420", "The fair had 420 guests."),
            ),
            (  # something else is counted
                "How many pupils does the school have?",
                Claim("300", "The school has 300 pupils."),
                Claim("25", "It has 25 teachers and 310 pupils."),
            ),
            (  # it happens again and again
                "When did Norden win the cup?",
                Claim("1958", "Norden won the cup in 1958."),
                Claim("1962", "Norden won the cup in 1962."),
            ),
        ],
    )
    def test_sentences_that_can_both_be_true_do_not_disagree(self, question, one, other):
        assert not disagree(question, one, other)
        assert not disagree(question, other, one)

    @pytest.mark.parametrize(
        ("question", "one", "other"),
        [
            (
                "In which city was Olga Mirsk born?",
                Claim("Riga", "Olga Mirsk was born in Riga."),
                Claim("Tallinn", "Olga Mirsk was born in Tallinn."),
            ),
            (
                "Who invented the telephone?",
                Claim("Alexander Graham Bell", "Alexander Graham Bell invented it in 1876."),
                Claim("Antonio Meucci", "It was invented by Antonio Meucci in 1871."),
            ),
            (
                "How many people live in Brellin?",
                Claim("12,000", "Brellin has 12,000 inhabitants."),
                Claim("4,300", "There are 4,300 inhabitants."),
            ),
            (
                "When did the war begin?",
                Claim("1939", "The war began in 1939."),
                Claim("1937", "It broke out in 1937."),
            ),
            (
                "When was Millbrook founded?",
                Claim("1818", "Millbrook in Ohio was founded in 1818."),
                Claim("1636", "Millbrook was founded in 1636."),
            ),
        ],
    )
    def test_sentences_of_which_one_is_wrong_disagree(self, question, one, other):
        assert disagree(question, one, other)
        assert disagree(question, other, one)

    def test_a_question_with_several_answers_has_no_disagreement(self):
        assert asks_for_several("Who were the members of the band?")
        assert asks_for_several("Which cities have trams?")
        assert not asks_for_several("Who invented the telephone?")


class TestPremise:
    def test_a_premise_that_no_source_bears_out_is_not_agreed_with(self):
        text = said("When did Einstein invent the telephone?", found(1, BELL, "Telephone"))
        assert text == (
            "The sources do not say that Einstein did invent the telephone. They say:\n\n"
            f"{BELL} [1]"
        )

    def test_a_premise_that_holds_is_answered(self):
        text = said("When did Bell invent the telephone?", found(1, BELL, "Telephone"))
        assert text.startswith("1876 [1]\n\n")

    def test_a_page_about_somebody_says_he(self):
        """The subject stands in the title or around the quote; that is enough."""
        he = found(1, "He published his theory in 1905.", "Albert Einstein")
        assert said("When did Einstein publish his theory?", he).startswith("1905 [1]")
        around = found(1, "He published his theory in 1905.", around="Einstein moved to Bern.")
        assert said("When did Einstein publish his theory?", around).startswith("1905 [1]")

    def test_quotes_about_something_else_say_nothing_of_the_premise(self):
        text = said("When did Einstein visit Japan?", found(1, "The ferry runs since 1950."))
        assert "do not say" not in text

    @pytest.mark.parametrize(
        ("question", "text"),
        [
            ("How old is Lionel Messi?", "Messi was born on 24 June 1987."),
            ("When was JFK assassinated?", "John F. Kennedy was assassinated in 1963."),
            ("When was NYC founded?", "New York City was founded in 1624."),
            ("When was Nyc founded?", "New York City was founded in 1624."),
            ("When was MoMA founded?", "The Museum of Modern Art was founded in 1929."),
            ("Why did the USA enter World War II?",
             "The United States entered World War II after Pearl Harbor."),
            ("Why did America enter World War II?",
             "The United States entered World War II after Pearl Harbor."),
            ("When did France surrender?", "The French surrendered in June 1940."),
            ("When did the Dutch found New Amsterdam?",
             "New Amsterdam was founded by the Netherlands in 1624."),
            ("When was Ghandi killed?", "Gandhi was killed in 1948."),
            ("When did Apollo 11 land on the Moon?", "Apollo 11 landed on the Moon in 1969."),
            ("When did the Roman empire fall?", "The western empire fell in the fall of 476."),
        ],
    )  # fmt: skip
    def test_a_name_that_the_sources_write_in_another_way_is_not_denied(self, question, text):
        assert "do not say" not in said(question, found(1, text))

    @pytest.mark.parametrize(
        ("name", "text", "named"),
        [
            ("Einstein", "Albert Einstein's theory", True),
            ("Albert Einstein", "So Einstein said.", True),
            ("Greece", "ancient Greek temples", True),
            ("Nyc", "In New York City it rains.", True),
            ("Columbus", "Colombus sailed west.", True),
            ("Einstein", BELL, False),
            ("Nyc", "Not yet clear to anybody.", False),
            ("Iran", "Iraq fought.", False),
            ("France", "The Spanish surrendered.", False),
        ],
    )
    def test_whether_a_text_names_somebody(self, name, text, named):
        assert named_in(name, text) is named

    def test_a_text_may_say_what_is_taken_for_granted_where_it_speaks_of_both(self):
        premise = premise_of("When did Einstein invent the telephone?")
        assert premise is not None
        assert may_stand_in(premise, f"{BELL} Einstein was not yet born.")
        assert not may_stand_in(premise, BELL)
        assert not may_stand_in(premise, "Einstein moved to Bern.")

    def test_long_texts_are_read_at_once(self):
        """No rule goes back over what it has read again and again."""
        for unit in ("A", "A ", "A of the ", "- "):
            assert not named_in("Nyc", unit * (30_000 // len(unit)))
            assert premise_of("When did " + unit * (30_000 // len(unit))) is None

    @pytest.mark.parametrize(
        ("question", "clause"),
        [
            ("When did Einstein invent the telephone?", "Einstein did invent the telephone"),
            ("How long has Messi played for Barcelona?", "Messi has played for Barcelona"),
            ("When did Apollo 11 land on Mars?", "Apollo 11 did land on Mars"),
            ("Why did Romeo and Juliet go to Rome?", "Romeo and Juliet did go to Rome"),
            ("Why do Simon & Garfunkel quarrel?", "Simon & Garfunkel do quarrel"),
            ("When were the Beatles knighted, please?", "the Beatles were knighted"),
            ("When was Obama president?", "Obama was president"),
            ("When was Henry king of France?", "Henry was king of France"),
            ("When was Finland part of Russia?", "Finland was part of Russia"),
            ("How many times did Germany win the World Cup?", "Germany did win the World Cup"),
            ("In which city was Einstein crowned?", "Einstein was crowned"),
            ("When did Einstein visit Kyoto, Japan?", "Einstein did visit Kyoto, Japan"),
            ("Why is Pluto the smallest planet?", "Pluto is the smallest planet"),
            ("In which year was the Eiffel Tower moved to London?",
             "the Eiffel Tower was moved to London"),
            ("Why is Pluto called a star?", "Pluto is called a star"),
            ("When did Leonardo da Vinci paint Guernica?", "Leonardo da Vinci did paint Guernica"),
        ],
    )  # fmt: skip
    def test_what_a_question_takes_for_granted(self, question, clause):
        premise = premise_of(question)
        assert premise is not None
        assert premise.clause == clause

    @pytest.mark.parametrize(
        "question",
        ["Who invented the telephone?", "What is radium?", "Einstein", "how do I add files?",
         "When was the war?", "Where are my conversations stored?",
         # The name goes on.
         "How old is Lionel Messi?", "Where is The Louvre?", "Where is Leonardo da Vinci?",
         "Where is the University of Oxford?", "When was the University of oxford founded?",
         "When was the War of 1812?", "When was Apollo 11?", "Why did the Berlin wall fall?",
         "When is Super bowl sunday?", "How do Tesla cars work?", "Where are Newton's laws used?",
         "When was the Walkman brand launched?", "Why was the Ogon variety developed?",
         "When was the Naples - Capua railway opened?", "When was the Harsha inscription?",
         "When did American universities begin?", "Why did the Roman emperors fight?",
         # A name that may be written out, or is none.
         "When was JFK assassinated?", "When did the U.S. declare war?", "When did X buy Twitter?",
         "When did The Who split?", "When did I start?", "When does Chatapp forget?",
         # What is left says nothing of it, or not all.
         "How old was Einstein when he died?",
         "At what age was Einstein when he died?", "From what place do the Beatles come?",
         "How tall is Everest in metres?",
         "How far is Paris from London?", "Where is Messi from?", "Where did Messi come from?",
         "How many wives did Henry VIII have?", "Which country did Columbus discover?",
         "What city was Einstein born in?", "When is Easter in 2025?", "Where is Messi now?",
         "When is Thanksgiving this year?", "Where is Paris located?",
         "When did Einstein die and where?", "When did Einstein die, and why?",
         "When did Einstein die. I forgot"],
    )  # fmt: skip
    def test_questions_that_take_nothing_for_granted_of_a_name(self, question):
        assert premise_of(question) is None
