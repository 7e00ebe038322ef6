"""HANDS: the one loop that performs what the machine asks for."""
