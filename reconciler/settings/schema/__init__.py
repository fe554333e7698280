"""The JSON schema of cron.yaml as a person writes it, for editors."""
