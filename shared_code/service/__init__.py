"""What the provider does for a customer besides backups and restores: retention, legal holds, departure, checks of what
is stored. Owns the ports that vault and ledger satisfy; knows no Azure, no HTTP and no clock."""
