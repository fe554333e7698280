"""The connection to PostgreSQL: where it goes, how it is made, and what a refusal means."""
