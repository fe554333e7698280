"""The fire drill: the real passes on planted bookings, and what must have come of them."""
