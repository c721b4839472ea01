"""Drives, those of people and the document libraries of sites: read from Graph and written back."""
