"""Tables: rows by number, their columns, and where they stand in a file."""
