"""Time: the clock of this machine, the schedule of the jobs, and the deadline of an outgoing call.

Only `schedule` imports APScheduler.
"""
