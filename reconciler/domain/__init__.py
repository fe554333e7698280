"""What is true of bookings, gaps and intents, and what follows from it: pure data and pure functions.

Belongs here: the closed lists (kinds, causes, conditions, refusals, holds, states), the verdict, the plan, the legal
moves of an intent, what a text may and an event should look like. Does not belong here: a clock, I/O, a third party.
"""
