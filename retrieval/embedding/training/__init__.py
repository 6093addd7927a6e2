"""How the default embedder is made: `python -m retrieval.embedding.train`.

Passages and questions are read (`corpus`, `questions`), positives and hard negatives are found by
words (`bm25`), MiniLM says where sampled texts lie (`teacher`), the word table learns from all of
it (`table`), and last the query side learns over passages that no longer move (`asking`).
"""
