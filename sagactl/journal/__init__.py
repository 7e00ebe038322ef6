"""MEMORY: the events of every run, appended before anything is sent."""
