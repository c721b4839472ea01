"""Benchmarks: the product as its users run it, beside a straightforward copier.

``python3 dev.py bench`` (or ``python -m benchmarks``) prints one table. Nothing here is imported by the product."""
