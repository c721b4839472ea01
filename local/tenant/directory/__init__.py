"""The directory: who is there, who was deleted, and the usage report."""
