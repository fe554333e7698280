"""Whether the rules still apply to new bookings, and whether new bookings still come."""
