"""What is counted over many bookings, from both the tables of the application and the ledger."""
