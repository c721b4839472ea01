"""Browse snapshots, select, plan, write back, compare. Owns the ports that vault, Graph and ledger satisfy; knows no
Azure, no HTTP and no clock."""
