"""What keeps an index fit after documents came or went: vectors complete and of the right embedder.

The thing to know: every step is done in small transactions and can be left out or cut short; search
stays right meanwhile, only lexical for passages whose vectors are still to come.
"""

from __future__ import annotations

from retrieval.embedding import Embedder
from retrieval.store.protocol import Stop, Store
from retrieval.store.vectors import quantise

_DOCUMENTS = 128  # per transaction


def claim_vectors(store: Store) -> bool:
    """Make the stored vectors those of the store's embedder; return whether others were there."""
    with store.reading() as snapshot:
        if snapshot.has_vectors():
            return False
    with store.writing() as transaction:
        return transaction.claim()


def complete_vectors(store: Store, embedder: Embedder, step: Stop) -> None:
    """Embed the documents that have no vectors yet, until done or told to stop."""
    while not step():
        with store.reading() as snapshot:
            missing = snapshot.unembedded(_DOCUMENTS)
        if not missing:
            return
        made = [quantise(embedder.embed_passages(each.inputs)).tobytes() for each in missing]
        with store.writing() as transaction:
            for each, data in zip(missing, made, strict=True):
                transaction.add_vectors(each.document, each.first, data)
