"""A function in a process of its own, forked, so that whatever it does to the process is the result."""
import json
import os
import select
import signal

TIME_LIMIT_S = 60


def run(body, folder: str):
    """What body() returns there, through JSON, in `folder` and without output; else None, and how the process ended."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(read_end)
            os.chdir(folder)
            quiet = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(quiet, descriptor)
            data = json.dumps(body()).encode()
            while data:
                data = data[os.write(write_end, data):]
        finally:
            os._exit(0)
    os.close(write_end)
    chunks = []
    while True:
        ready, _, _ = select.select([read_end], [], [], TIME_LIMIT_S)
        chunk = os.read(read_end, 1 << 20) if ready else b""
        if not chunk:
            break
        chunks.append(chunk)
    os.close(read_end)
    if not ready:
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    if not ready:
        return None, f"still running after {TIME_LIMIT_S} s"
    try:
        return json.loads(b"".join(chunks)), None
    except ValueError:
        return None, f"killed by signal {os.WTERMSIG(status)}"
