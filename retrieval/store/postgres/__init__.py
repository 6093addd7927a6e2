"""The store for a shared or larger corpus: PostgreSQL with pgvector (extra `[postgres]`)."""
