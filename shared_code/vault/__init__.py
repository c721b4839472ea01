"""Where data rests. Packs, catalog, snapshots and progress records on the ``BlobStore`` port, and the port's two
implementations (Azure Blob storage and memory). Knows nothing of Graph, of runs or of restores."""
