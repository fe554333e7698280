"""Sockets and connections of the page: who is let in, how long a connection may take, and in which process.

Belongs here: what happens before a request is complete and after its answer is. Does not belong here: the routes and
their answers (``web.app``), tokens and headers (``web.security``).
"""
