"""The contract of real services: what a saga relies on, asked of them where somebody said yes."""
