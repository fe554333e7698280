"""Many bookings by the rules' conditions: the count of a scan, the demand of a day, and why new ones fall out."""
