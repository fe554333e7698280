"""One warm process that has imported everything and forks a child for each command.

Starting Python and the SDKs takes more than a second, a fork some milliseconds; what is forked is a process of its own
that a signal kills like any other. The zygote has no thread and no connection: nothing is shared but code.
"""

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

_TURN = 0.003
"""Seconds between two looks at the children, while there are any."""


class Zygote:
    """The parent's side: starts the warm process, and commands in it. A context manager; leaving it ends them all."""

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="reconciler-chaos-")
        self.folder = Path(self._folder.name)
        self._address = str(self.folder / "zygote")
        command = [sys.executable, "-m", "tests.chaos.zygote", self._address]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        if self._process.stdout.readline() != b"ready\n":
            raise RuntimeError("the zygote did not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()  # end of its input: it ends, and its children with it
        self._folder.cleanup()

    def start(self, arguments: Sequence[str], environment: Mapping[str, str], output: Path) -> "Command":
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self._address)
        wanted = {"arguments": list(arguments), "environment": dict(environment), "output": str(output)}
        connection.sendall(json.dumps(wanted).encode() + b"\n")
        lines = connection.makefile()
        return Command(pid=int(lines.readline()), connection=connection, lines=lines)


@dataclass
class Command:
    """One command, running."""

    pid: int
    connection: socket.socket
    lines: Any
    code: int | None = None
    """Its exit code once it has ended; a signal's number, negative, if one ended it."""

    def wait(self, seconds: float = 60) -> bool:
        """Until it stopped itself (True) or ended (False)."""
        self.connection.settimeout(seconds)
        word, _, number = self.lines.readline().strip().partition(" ")
        if word == "stopped":
            return True
        self.code = int(number)
        self.lines.close()
        self.connection.close()
        return False

    def finish(self) -> int:
        """Let it run on, through every stop, to its end."""
        while self.code is None:
            if self.wait():
                self.go_on()
        return self.code

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _signal(self, signum: int) -> None:
        """Nothing, if it has ended already."""
        if self.code is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signum)


@dataclass
class _Warm:
    """The zygote's side."""

    listener: socket.socket
    children: dict[int, socket.socket] = field(default_factory=dict)

    def serve(self) -> None:
        while True:
            watched = [self.listener, sys.stdin, *self.children.values()]
            readable, _, _ = select.select(watched, [], [], _TURN if self.children else None)
            if sys.stdin in readable:
                return self._end()
            if self.listener in readable:
                self._fork()
            for pid, connection in list(self.children.items()):
                if connection in readable:
                    os.kill(pid, signal.SIGKILL)  # whoever wanted it is gone
                self._collect(pid)

    def _fork(self) -> None:
        connection, _ = self.listener.accept()
        wanted = json.loads(connection.makefile().readline())
        pid = os.fork()
        if pid == 0:
            self.listener.close()
            _become(wanted)
        self.children[pid] = connection
        _say(connection, str(pid))

    def _collect(self, pid: int) -> None:
        found, status = os.waitpid(pid, os.WNOHANG | os.WUNTRACED)
        if not found:
            return
        if os.WIFSTOPPED(status):
            _say(self.children[pid], "stopped")
        else:
            _say(self.children[pid], f"ended {os.waitstatus_to_exitcode(status)}")
            self.children.pop(pid).close()

    def _end(self) -> None:
        for pid in self.children:
            os.kill(pid, signal.SIGKILL)


def _say(connection: socket.socket, line: str) -> None:
    with contextlib.suppress(OSError):  # whoever asked may be gone
        connection.sendall(line.encode() + b"\n")


def _become(wanted: Mapping[str, Any]) -> None:
    """In the child: the command, with nothing in its environment but what was given."""
    code = 1
    try:
        written = os.open(wanted["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for stream in (1, 2):
            os.dup2(written, stream)
        os.environ.clear()
        os.environ.update(wanted["environment"])
        from tests.chaos import child  # after the fork: what it reads is this command's

        code = child.main(wanted["arguments"])
    except BaseException:  # noqa: BLE001 - not hidden: this process ends with it
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _warm_up() -> None:
    """Import everything a command may import, the parts that the SDKs load late included."""
    for package in ("reconciler", "reconciler_jobs"):
        for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            if ".migrations." not in module.name and not module.name.startswith("reconciler.sandbox"):
                importlib.import_module(module.name)
    importlib.import_module("tests.chaos.child")
    twilio = importlib.import_module("twilio.rest").Client("AC", "token")
    _ = (twilio.messages, twilio.incoming_phone_numbers, twilio.messaging.v1.services("MG").phone_numbers)
    http = importlib.import_module("httplib2").Http()
    importlib.import_module("google.auth.transport.requests")
    importlib.import_module("googleapiclient.discovery").build("calendar", "v3", http=http, static_discovery=True)


def main(address: str) -> None:
    _warm_up()
    importlib.import_module("tests.chaos.points").attach()
    if threading.active_count() != 1:
        raise RuntimeError("a thread would not live on in a forked child")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    gc.collect()
    gc.freeze()  # children share these pages
    print("ready", flush=True)  # noqa: T201 - the parent waits for it
    _Warm(listener).serve()


if __name__ == "__main__":
    main(sys.argv[1])
