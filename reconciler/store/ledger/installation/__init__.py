"""The installation: where it may act, and by which clock."""
