"""Runs a command on a pseudo-terminal and types to it, line by line, as somebody who waits for each question.

    terminal.py TYPED COMMAND [ARGUMENT...]

TYPED is a file: each line is typed when a question (a line that ends with ":") has come; a line
of ^D is the key that ends input. Prints what the terminal showed and ends as the command does.
"""

import os
import pty
import select
import sys
import time

typed = open(sys.argv[1], encoding="utf-8").read().splitlines()
child, terminal = pty.fork()
if child == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
shown = b""
asked_at = 0
deadline = time.monotonic() + 60
while time.monotonic() < deadline:
    ready, _, _ = select.select([terminal], [], [], 0.2)
    if ready:
        try:
            got = os.read(terminal, 65536)
        except OSError:
            break
        if not got:
            break
        shown += got
        continue
    # Nothing more comes: a question that nobody has answered yet waits.
    if typed and len(shown) > asked_at and shown.rstrip(b"\r\n").endswith(b":"):
        line = typed.pop(0)
        asked_at = len(shown)
        os.write(terminal, b"\x04" if line == "^D" else line.encode() + b"\n")
else:
    os.kill(child, 9)
_, status = os.waitpid(child, 0)
sys.stdout.write(shown.decode("utf-8", "replace").replace("\r\n", "\n"))
if typed:
    sys.exit("these were never asked for: " + repr(typed))
sys.exit(os.waitstatus_to_exitcode(status))
