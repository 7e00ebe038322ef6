"""WHAT: what a saga says. Values only, each with the place it was written at."""
