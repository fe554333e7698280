"""Writes that are tried with our role and rolled back."""
