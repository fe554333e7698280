"""How many bookings there are of what: the demand of a day, and new ones by the rules that do not apply."""
