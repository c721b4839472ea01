"""Ports on a command line."""

import argparse


def port_number(text: str) -> int:
    """For ``add_argument(type=port_number)``: 0 to 65535, where 0 takes a free one. Raises ArgumentTypeError."""
    if not (text.isascii() and text.isdigit() and int(text) <= 65_535):
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535; 0 takes a free one")
    return int(text)
