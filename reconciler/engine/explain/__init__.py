"""Why one booking has the verdict it has, and what would change that."""
