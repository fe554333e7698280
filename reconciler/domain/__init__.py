"""Facts about bookings, gaps and intents, and the decisions that follow from them: plain data and pure functions.

Belongs here: the closed lists (causes, conditions, refusals, holds, states), the rules, the verdict, the plan, the
legal moves of an intent, when a text may be sent, what an event contains. Does not belong here: a clock, I/O, a
provider.
"""
