"""PRACTICE OF FAILURE: participants that play a definition's services, and misbehave on order."""
