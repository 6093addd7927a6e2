"""The memory's own benchmark: extraction, update, abstention, recall, forgetting."""
