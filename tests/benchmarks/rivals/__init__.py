"""What else finds bookings without a text and without an event, written as well as one writes it."""
