"""ADVICE about a saga that is well formed."""
