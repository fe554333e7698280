"""The environment variables: names, meanings, and how damaged secrets are repaired or refused."""
