"""What the service remembers besides the vault, in Azure Tables: customers, runs, restores. All of it can be lost
without losing a backup: the vault alone tells what can be restored."""
