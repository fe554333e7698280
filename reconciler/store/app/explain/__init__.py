"""What ``explain`` asks of one booking: what holds, and which values would change that."""
