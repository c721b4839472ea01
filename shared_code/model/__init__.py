"""Frozen dataclasses that every room shares. No I/O, no clock, no Azure, no Graph."""
