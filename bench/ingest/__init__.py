"""`make bench NAME=ingest`: how near ingest comes to what broker, database and disk can do."""
