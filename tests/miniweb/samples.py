"""A handful of articles that tests browse: they link to each other and answer simple questions."""

from __future__ import annotations

from tests.miniweb.articles import Article

ARTICLES = (
    Article(
        "Marie Curie",
        "Marie Curie was a physicist and chemist who was born in Warsaw on 7 November 1867. She "
        "was the first woman to win a Nobel Prize.\n\n## Work\n\nWith her husband Pierre Curie she "
        "discovered the elements polonium and radium in 1898. She died in 1934.",
        "2019-07-20",
    ),
    Article(
        "Pierre Curie",
        "Pierre Curie was a French physicist. He was born in Paris in 1859 and was killed in a "
        "street accident in 1906.\n\n## Work\n\nHe shared a Nobel Prize with Marie Curie.",
    ),
    Article(
        "Warsaw",
        "Warsaw is the capital and largest city of Poland. It stands on the river Vistula.\n\n"
        "## Population\n\nThe population of Warsaw was about 1.8 million in 2018.",
    ),
    Article(
        "Vistula",
        "The Vistula is the longest river in Poland, at 1,047 kilometres. It rises in the Beskids "
        "and flows into the Baltic Sea.",
    ),
    Article(
        "Radium",
        "Radium is a chemical element with the symbol Ra and atomic number 88. All isotopes of "
        "radium are radioactive; the most stable one has a half-life of 1,600 years.",
    ),
    Article(
        "Nobel Prize",
        "The Nobel Prize is a set of awards that Alfred Nobel founded in his will of 1895. The "
        "prizes were first awarded in 1901.",
    ),
)
