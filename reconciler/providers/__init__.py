"""The vendors: each module turns its SDK's answers into our outcomes.

Belongs here: SDK calls, error codes, timeouts. Does not belong here: whether a call may be made, what its outcome
means for a booking, or another provider.
"""
