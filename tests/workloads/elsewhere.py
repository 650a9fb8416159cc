"""Run a program on another machine: `elsewhere.py PLAN PROGRAM [ARGUMENT…]`, as root.

The machine has a network of its own (a loopback interface and nothing else) and a root folder of its own, in which
everything is as here but for what the plan, a JSON object, says:

    {"forward": {"169.254.169.254:80": "127.0.0.1:4711"},   who answers there is here
     "hosts": {"metadata.google.internal": "169.254.169.254"},
     "dmi": {"product_name": "Google"},                     what the firmware says
     "links": {"/.fly/api": "/tmp/x/api.sock"}}              what else is there

Nothing of it is left behind: namespaces end with their last process.
"""

import ctypes
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000


def run(*command: object) -> None:
    """Run one of the system's programs, which a job's `PATH` need not lead to."""
    system = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    subprocess.run([str(word) for word in command], check=True, env=system)


def address(text: str) -> tuple[str, int]:
    host, port = text.rsplit(":", 1)
    return host, int(port)


def pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        source.close()
        sink.close()


def bridge(listener: socket.socket, target: tuple[str, int]) -> None:
    while True:
        there, _ = listener.accept()
        # A socket belongs to the network of the thread that makes it, and this one has stayed.
        here = socket.create_connection(target)
        threading.Thread(target=pump, args=(there, here), daemon=True).start()
        threading.Thread(target=pump, args=(here, there), daemon=True).start()


class Stayed(threading.Thread):
    """A thread that was there before the move, and makes threads that are here, too."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.listeners: list[tuple[socket.socket, tuple[str, int]]] = []
        self.moved = threading.Event()
        self.start()

    def run(self) -> None:
        self.moved.wait()
        for listener, target in self.listeners:
            threading.Thread(target=bridge, args=(listener, target), daemon=True).start()


def new_root(plan: dict[str, dict[str, str]]) -> Path:
    """Put a root folder together; `/run` and `/var/run` are empty there."""
    run("mount", "--make-rprivate", "/")
    root = Path("/mnt")
    entries = list(Path("/").iterdir())
    run("mount", "-t", "tmpfs", "elsewhere", root)
    for entry in entries:
        copy = root / entry.name
        if entry.is_symlink():
            copy.symlink_to(os.readlink(entry))
        elif entry.name in {"run", "mnt"}:
            copy.mkdir()
        elif entry.is_dir():
            copy.mkdir()
            run("mount", "--rbind", entry, copy)
        else:
            copy.touch()
            run("mount", "--bind", entry, copy)
    hosts = root / "hosts.txt"
    lines = [f"{to} {name}\n" for name, to in plan.get("hosts", {}).items()]
    hosts.write_text("127.0.0.1 localhost\n" + "".join(lines))
    run("mount", "--bind", hosts, root / "etc/hosts")
    if dmi := plan.get("dmi"):
        run("mount", "-t", "tmpfs", "firmware", root / "sys/class")
        folder = root / "sys/class/dmi/id"
        folder.mkdir(parents=True)
        for name, text in dmi.items():
            (folder / name).write_text(text + "\n")
    for path, target in plan.get("links", {}).items():
        link = root / path.removeprefix("/var").lstrip("/")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)
    return root


def main() -> int:
    plan, command = json.loads(sys.argv[1]), sys.argv[2:]
    folder = os.getcwd()
    stayed = Stayed()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS | CLONE_NEWNET) != 0:
        sys.exit(f"cannot make another machine: {os.strerror(ctypes.get_errno())}; this needs root")
    root = new_root(plan)
    run("ip", "link", "set", "lo", "up")
    for at, target in plan.get("forward", {}).items():
        host, port = address(at)
        if not host.startswith("127."):
            run("ip", "address", "add", f"{host}/32", "dev", "lo")
        stayed.listeners.append((socket.create_server((host, port)), address(target)))
    stayed.moved.set()
    os.chroot(root)
    os.chdir(folder)
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
