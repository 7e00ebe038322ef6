"""WHAT IS SEEN: problems, plans, runs and events as text. Nobody else prints."""
