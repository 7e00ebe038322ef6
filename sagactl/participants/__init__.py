"""THE OTHERS: services that act and compensate. They return outcomes and never raise."""
