"""Plan a run, copy one resource slice by slice, commit. Owns the ports that Graph, vault and ledger satisfy; knows
no Azure, no HTTP and no clock."""
