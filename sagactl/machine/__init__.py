"""MOTION: pure. Events in, commands out. No clock, no chance, no I/O."""
