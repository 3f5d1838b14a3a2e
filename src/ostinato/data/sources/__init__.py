"""Sources of examples, one format a file; each gives DataSplits."""
