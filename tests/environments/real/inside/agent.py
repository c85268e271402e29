"""Runs inside a virtual machine: takes commands from the second serial port, one JSON text a line, and answers there.

{"run": [argv]}     run it to its end            {"code": 0, "out": "…", "err": "…"}
{"open": [argv]}    start it and keep its pipes  {"opened": pid}
{"ask": "line"}     give it a line               {"line": "what it wrote then"}
"""

import json
import subprocess
import tty

PORT = "/dev/ttyS1"


def main() -> None:
    with open(PORT, "r+b", buffering=0) as port:
        tty.setraw(port.fileno())
        opened: subprocess.Popen[str] | None = None
        port.write(b'{"ready": true}\n')
        while line := port.readline():
            request = json.loads(line)
            if "run" in request:
                done = subprocess.run(request["run"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
                answer = {"code": done.returncode, "out": done.stdout, "err": done.stderr}
            elif "open" in request:
                opened = subprocess.Popen(request["open"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
                answer = {"opened": opened.pid}
            else:
                assert opened is not None
                assert opened.stdin is not None
                assert opened.stdout is not None
                opened.stdin.write(request["ask"] + "\n")
                opened.stdin.flush()
                answer = {"line": opened.stdout.readline().rstrip("\n")}
            rest = json.dumps(answer).encode() + b"\n"
            while rest:
                rest = rest[port.write(rest) :]


if __name__ == "__main__":
    main()
