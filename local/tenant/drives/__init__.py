"""Drives: their state, what people do to files, and how Graph shows them."""
