"""The reasons for one booking's verdict, and the changes that would alter it."""
