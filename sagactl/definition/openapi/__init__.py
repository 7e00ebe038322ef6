"""A service's own document (OpenAPI 3.0 and 3.1): what it offers, with places. Never fetched."""
