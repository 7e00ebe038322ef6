"""Tests that people write: `order.test.yaml` beside `order.yaml`."""
