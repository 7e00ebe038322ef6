"""WHERE: text and the places in it. Knows YAML, not sagas."""
