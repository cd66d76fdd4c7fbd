#!/usr/bin/env python3
"""Runs a program with `eremite run` and checks what comes out. Exit status: 0 passed, 1 failed, 77 skipped."""

import argparse
import difflib
import fcntl
import json
import os
import re
import subprocess
import sys

SKIPPED = 77
PROBE_SECONDS = 10


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--eremite", required=True, help="the command")
    parser.add_argument("--on", choices=["tcg", "kvm", "cell"], default="tcg", help="QEMU with one of its accelerators, or our own monitor, which needs KVM")
    parser.add_argument("--probe-image", help="a small image that shows whether KVM can be used")
    parser.add_argument("--probe-cache", help="file that keeps what the probe found, until the next boot of this machine")
    parser.add_argument("--timeout", type=float, default=120, help="seconds for one run")
    parser.add_argument("--files", help="folder that becomes the program's /")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--memory", default="128M")
    parser.add_argument("--cpus", default="1")
    parser.add_argument("--compare", action="store_true", help="run as a Linux process too: output and status must be equal")
    parser.add_argument("--fresh-network", action="store_true", help="give the Linux process a network namespace of its own")
    parser.add_argument("--expect-exit", type=int)
    parser.add_argument("--expect-output", help="regular expression that standard output must match")
    parser.add_argument("program")
    parser.add_argument("arguments", nargs="*")
    return parser.parse_args()


def monitor(on):
    """The words that choose it."""
    return ["--vmm", "cell"] if on == "cell" else ["--vmm", "qemu", "--accel", on]


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


def probe_kvm(options):
    """Why KVM cannot be used, or None."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "there is no usable /dev/kvm"
    command = [options.eremite, "run", *monitor("kvm"), "--timeout", str(PROBE_SECONDS), options.probe_image]
    result = subprocess.run(command, capture_output=True, timeout=PROBE_SECONDS + 20, stdin=subprocess.DEVNULL)
    if result.returncode == 0:
        return None
    return f"hello world under KVM ended with status {result.returncode}: {text(result.stderr).strip()[-300:]}"


def kvm_unusable(options):
    """probe_kvm, run once for all tests, however many start at the same time."""
    with open("/proc/sys/kernel/random/boot_id") as f:
        boot = f.read()
    with open(options.probe_cache, "a+") as cache:
        fcntl.flock(cache, fcntl.LOCK_EX)
        cache.seek(0)
        try:
            known = json.load(cache)
            if known["boot"] == boot:
                return known["reason"]
        except (ValueError, KeyError):
            pass  # empty or of an earlier form: probe again
        if not os.path.exists(options.probe_image):
            sys.exit(f"failed: {options.probe_image} is not built, with which KVM is tried")
        reason = probe_kvm(options)
        cache.truncate(0)
        json.dump({"boot": boot, "reason": reason}, cache)
        return reason


def text(data):
    return data.decode("utf-8", "backslashreplace")


def run(what, command, options, env=None):
    try:
        result = subprocess.run(command, capture_output=True, timeout=options.timeout + 20, stdin=subprocess.DEVNULL, env=env)
    except subprocess.TimeoutExpired:
        sys.exit(f"failed: {what} did not end within {options.timeout + 20} s: {' '.join(command)}")
    # A process that dies by a signal: as a shell reports it.
    status = result.returncode if result.returncode >= 0 else 128 - result.returncode
    return status, result.stdout, result.stderr


def fail(message, guest):
    status, output, errors = guest
    print(f"--- standard output (end)\n{text(output)[-4000:]}\n--- standard error (end)\n{text(errors)[-4000:]}\n--- exit status {status}")
    print(f"failed: {message}")
    sys.exit(1)


def check_equal(guest, linux):
    if guest[1] != linux[1]:
        lines = difflib.unified_diff(text(linux[1]).splitlines(), text(guest[1]).splitlines(), "as a Linux process", "in Eremite", lineterm="", n=1)
        fail("standard output differs from that of the Linux process:\n" + "\n".join(list(lines)[:60]), guest)
    if guest[0] != linux[0]:
        fail(f"exit status {guest[0]}, that of the Linux process is {linux[0]}; its standard error: {text(linux[2])[-1000:]}", guest)


def fresh_network():
    """What to put before a command so that it has nothing but a loopback, which everybody may ping."""
    setup = 'ip link set lo up && echo 0 2147483647 > /proc/sys/net/ipv4/ping_group_range && exec "$@"'
    prefix = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]
    prefix += ["sh", "-c", setup, "sh"]
    try:
        attempt = subprocess.run(prefix + ["true"], capture_output=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired) as error:
        skip(f"network namespaces cannot be had here: {error}")
    if attempt.returncode != 0:
        skip(f"network namespaces cannot be had here: {text(attempt.stderr).strip()}")
    return prefix


def main():
    options = arguments()
    if not os.path.exists(options.program):
        skip(f"{options.program} could not be had on this machine")
    if options.on != "tcg":
        reason = kvm_unusable(options)
        if reason:
            skip(f"KVM cannot be used here: {reason}")
    command = [options.eremite, "run", *monitor(options.on), "--timeout", str(options.timeout), "--memory", options.memory]
    command += ["--cpus", options.cpus]
    if options.files:
        command += ["--files", options.files]
    for variable in options.env:
        command += ["--env", variable]
    guest = run("the machine", command + [options.program, "--", *options.arguments], options)
    expected = options.expect_exit
    if expected is None and not options.compare:
        expected = 0
    if expected is not None and guest[0] != expected:
        fail(f"exit status {guest[0]}, expected {expected}", guest)
    if options.expect_output and not re.search(options.expect_output, text(guest[1]), re.MULTILINE):
        fail(f"standard output does not match {options.expect_output}", guest)
    if options.compare:
        env = dict(v.split("=", 1) for v in options.env)
        prefix = fresh_network() if options.fresh_network else []
        # Programs leave files where they run: no two processes of one at once, whose machines are of several kinds.
        with open(options.program, "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            linux = run("the Linux process", prefix + [options.program, *options.arguments], options, {**os.environ, **env} if prefix else env)
        if linux[0] == SKIPPED:
            skip(f"the Linux process could not do it: {text(linux[2]).strip()}")
        check_equal(guest, linux)
    print(f"passed: exit status {guest[0]}, {len(guest[1])} bytes of output")


main()
