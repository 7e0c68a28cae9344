# SPDX-License-Identifier: Apache-2.0
"""Talk to the control socket as a friend, a stranger and an attacker would.

	control.py SOCKET CASE
"""
import json
import os
import socket
import sys
import time

path = sys.argv[1]


def connect():
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    s.settimeout(20)
    return s


def read_all(s):
    answer = b""
    while True:
        part = s.recv(65536)
        if not part:
            return answer
        answer += part


def ask(line, end=b"\n"):
    s = connect()
    try:
        s.sendall(line + end)
    except BrokenPipeError:
        pass
    answer = read_all(s)
    s.close()
    assert answer.endswith(b"\n") and answer.count(b"\n") == 1, answer
    return json.loads(answer)


def error_of(line, end=b"\n"):
    answer = ask(line, end)
    assert list(answer) == ["error"], answer
    print(line[:60], "->", answer["error"])
    return answer["error"]


def become(uid, gid, groups):
    os.setgroups(groups)
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def garbage():
    assert "unknown request" in error_of(b"nonsense")
    assert "no request" in error_of(b"")
    assert "no request" in error_of(b"     ")
    assert "control bytes" in error_of(b"status\x00")
    assert "control bytes" in error_of(b"\x1b[31mstatus")
    assert "quotes" in error_of(b'plugin reload "auth_file')
    assert "quotes" in error_of(b'plugin reload auth"file')
    assert "words" in error_of(b"a " * 65)
    assert "unknown request" in error_of(bytes(range(0x80, 0x100)))
    assert "unknown request" in error_of(b"%s%n%n%x")
    assert "unknown request" in error_of(b"statuses")
    assert "unknown request" in error_of(b"plugin")
    assert "takes no words" in error_of(b"status now")
    assert "one of error" in error_of(b"log level loud")
    assert "takes the ID" in error_of(b"kill")
    assert "takes the ID" in error_of(b"kill -1")
    assert "takes the ID" in error_of(b"kill 1x")
    assert "takes the ID" in error_of(b"kill 99999999999999999999")
    assert "takes the ID" in error_of(b"kill --user")
    assert "takes the ID" in error_of(b"kill --user a --realms b")
    assert "nothing but" in error_of(b"sessions --users")
    assert "no plugin" in error_of(b"plugin do nobody")
    assert "no plugin" in error_of(b"plugin reload \"../../etc/passwd\"")
    assert "version" in ask(b"status\r")
    assert "version" in ask(b"  status  ")
    assert "version" in ask(b"status\nstatus\nstatus")


def overlong():
    assert "longer than 4096" in error_of(b"x" * 4097, b"")
    assert "longer than 4096" in error_of(b"x" * 100000, b"")
    assert "unknown request" in error_of(b"x" * 4096)


def silent():
    began = time.monotonic()
    s = connect()
    answer = json.loads(read_all(s))
    assert "no request within" in answer["error"], answer
    assert 4 < time.monotonic() - began < 10
    dripping = connect()
    for byte in b"stat":
        dripping.sendall(bytes([byte]))
        time.sleep(0.1)
    assert "no request within" in json.loads(read_all(dripping))["error"]


def until(done):
    for _ in range(100):
        if done():
            return
        time.sleep(0.1)
    raise AssertionError("has not come")


def gone():
    """Who leaves before the answer hurts nobody."""
    for line in (b"status\n", b"reload\n", b"sessions\n", b"sta", b""):
        for _ in range(20):
            s = connect()
            try:
                s.sendall(line)
            except BrokenPipeError:
                pass  # refused: those before are still being closed
            s.close()
    # A reload may still be under way; then what it has replaced goes, all of it.
    until(lambda: "error" not in ask(b"reload"))
    until(lambda: ask(b"status")["leaving_generations"] == 0)


def crowd():
    crowd = [connect() for _ in range(16)]
    time.sleep(0.2)
    refused = connect()
    assert "too many" in json.loads(read_all(refused))["error"]
    for s in crowd:
        s.sendall(b"status\n")
    for s in crowd:
        assert "version" in json.loads(read_all(s))
    assert "version" in ask(b"status")


def slow_reader():
    """An answer that nobody takes does not hold up those of others."""
    s = socket.socket(socket.AF_UNIX)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    s.connect(path)
    s.sendall(b"counters\n")
    for _ in range(20):
        began = time.monotonic()
        assert "version" in ask(b"status")
        assert time.monotonic() - began < 2
    s.close()


def stranger():
    become(65534, 65534, [])
    try:
        connect()
    except PermissionError:
        return
    raise AssertionError("the file's mode lets a stranger in")


def stranger_with_mode():
    """The file may be opened up: who asks is looked at all the same."""
    become(65534, 65534, [])
    assert "not permitted" in json.loads(read_all(connect()))["error"]


def member():
    become(65534, 65534, [os.stat(path).st_gid])
    assert "version" in ask(b"status")


globals()[sys.argv[2]]()
