"""What ``explain`` and the page say about one booking: wording, queue rows, required changes."""
