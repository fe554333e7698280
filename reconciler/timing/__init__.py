"""Time: the clock of this machine, and the schedule of the jobs. Only `schedule` imports APScheduler."""
