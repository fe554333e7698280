"""What a person reads about one booking: wording, the queue rows behind a verdict, and what would change it."""
