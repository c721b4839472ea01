"""What ends a benchmark early."""


class BenchmarkError(Exception):
    """A run did not do what it should have; the message says which and what is missing. Figures of it mean nothing."""
