"""Triggers only: parse, call, answer. One blueprint a file; what they call is composed in shared_code/wiring.py."""
