"""MediaWiki dumps (`.xml`, `.xml.bz2`): an encyclopaedia as documents, read as a stream."""
