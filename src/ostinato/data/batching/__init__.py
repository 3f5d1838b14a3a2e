"""Batching: which examples make a batch, reachable by epoch and index alone."""
