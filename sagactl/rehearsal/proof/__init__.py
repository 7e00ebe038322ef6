"""Every schedule of a definition, walked in a simulated world and judged."""
