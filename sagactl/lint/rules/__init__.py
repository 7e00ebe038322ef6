"""One file per rule; a rule's docstring is its manual entry."""
