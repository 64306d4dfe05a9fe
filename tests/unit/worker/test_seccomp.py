"""The system call filter, run in an interpreter of its own: what each call gets."""

from __future__ import annotations

import errno
import struct

import pytest

from qntx.worker.sandbox import calls, kernel, seccomp
from qntx.worker.sandbox.policy import Policy

ALLOW, KILL = 0x7FFF0000, 0x80000000
MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
ICMP, TCP, UDP, SCTP, UDPLITE, SMC, MPTCP = 1, 6, 17, 132, 136, 256, 262
CLOSE_ON_EXEC = 0x80000
THREAD_FLAGS, FORK_FLAGS, NEW_USER = 0x3D0F00, 17, 0x10000000


def judge(program: bytes, architecture: int, number: int, *arguments: int) -> int:
    """What the kernel would answer."""
    data = struct.pack("<IIQ6Q", number, architecture, 0, *arguments, *[0] * (6 - len(arguments)))
    instructions = list(struct.iter_unpack("=HBBI", program))
    position = accumulator = 0
    while True:
        code, true, false, value = instructions[position]
        position += 1
        if code == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, value)
        elif code == 0x06:
            return value
        else:
            holds = {0x15: accumulator == value, 0x35: accumulator >= value, 0x45: bool(accumulator & value)}[code]
            position += true if holds else false


@pytest.fixture(params=MACHINES)
def machine(request, monkeypatch):
    monkeypatch.setattr(kernel, "MACHINE", request.param)
    seccomp.program.cache_clear()
    yield MACHINES[request.param]
    seccomp.program.cache_clear()


def refused(number: int) -> int:
    return 0x00050000 | number


def test_a_call_of_another_architecture_kills(machine):
    assert judge(seccomp.program(Policy()), machine ^ 1, 0) == KILL


@pytest.mark.parametrize("name", ["ptrace", "mount", "bpf", "memfd_create", "keyctl", "io_uring_setup", "unshare"])
def test_what_no_script_needs_is_refused(machine, name):
    for policy in (Policy(), Policy(network=True, subprocess=True)):
        assert judge(seccomp.program(policy), machine, calls.number_of(name)) == refused(errno.EPERM)


def test_threads_may_be_made_and_processes_only_where_allowed(machine):
    clone = calls.number_of("clone")

    assert judge(seccomp.program(Policy()), machine, clone, THREAD_FLAGS) == ALLOW
    assert judge(seccomp.program(Policy()), machine, clone, FORK_FLAGS) == refused(errno.EPERM)
    assert judge(seccomp.program(Policy(subprocess=True)), machine, clone, FORK_FLAGS) == ALLOW
    assert judge(seccomp.program(Policy(subprocess=True)), machine, clone, NEW_USER | 17) == refused(errno.EPERM)


def test_programs_run_only_where_allowed(machine):
    execve = calls.number_of("execve")

    assert judge(seccomp.program(Policy()), machine, execve) == refused(errno.EPERM)
    assert judge(seccomp.program(Policy(subprocess=True)), machine, execve) == ALLOW


@pytest.mark.parametrize(
    ("family", "with_network"), [(1, False), (2, True), (10, True), (16, True), (17, False), (40, False)]
)
def test_sockets_are_of_the_families_that_the_policy_names(machine, family, with_network):
    socket = calls.number_of("socket")

    assert judge(seccomp.program(Policy()), machine, socket, family) == refused(errno.EACCES)
    found = judge(seccomp.program(Policy(network=True)), machine, socket, family, 1)
    assert found == (ALLOW if with_network else refused(errno.EACCES))
    assert judge(seccomp.program(Policy(), unix_sockets=True), machine, socket, 1) == ALLOW


@pytest.mark.parametrize(
    ("flags", "allowed"),
    [(0x22, True), (0x20022, True), (0x02, True), (0x01, True), (0x21, False), (0x23, False), (0x122, False)],
)
def test_memory_that_no_limit_counts_cannot_be_had(machine, flags, allowed):
    found = judge(seccomp.program(Policy()), machine, calls.number_of("mmap"), 0, 4096, 3, flags)

    assert found == (ALLOW if allowed else refused(errno.ENOMEM))


def test_signals_reach_only_oneself_where_the_kernel_cannot_hold_them_in(machine):
    program = seccomp.program(Policy(), own_pid=42)
    kill = calls.number_of("kill")

    assert judge(program, machine, kill, 42, 9) == ALLOW
    assert judge(program, machine, kill, 43, 9) == refused(errno.EPERM)
    assert judge(program, machine, kill, 0xFFFFFFFF, 9) == refused(errno.EPERM)


def test_ordinary_calls_are_allowed(machine):
    read_write_close_fstat = (0, 1, 3, 5) if kernel.MACHINE == "x86_64" else (63, 64, 57, 80)

    for number in read_write_close_fstat:
        assert judge(seccomp.program(Policy()), machine, number) == ALLOW


def test_calls_that_are_newer_than_the_filter_are_not_there(machine):
    assert judge(seccomp.program(Policy()), machine, calls.LAST + 1) == refused(errno.ENOSYS)


@pytest.mark.parametrize(
    ("name", "oneself", "other"),
    [
        ("prlimit64", (0,), (42,)),
        ("sched_setaffinity", (0,), (42,)),
        ("setpriority", (0, 0), (2, 0)),
        ("setpriority", (0, 0), (0, 42)),
        ("ioprio_set", (1, 0), (3, 0)),
        ("prctl", (1, 9), (1, 0)),
        ("prctl", (15, 0), (1, 15)),
        ("fcntl", (3, 4), (3, 8)),
        ("ioctl", (3, 0x5421), (3, 0x8901)),
    ],
)
def test_where_others_are_in_sight_only_oneself_can_be_meant(machine, name, oneself, other):
    number = calls.number_of(name)

    assert judge(seccomp.program(Policy()), machine, number, *oneself) == ALLOW
    assert judge(seccomp.program(Policy()), machine, number, *other) == refused(errno.EPERM)
    assert judge(seccomp.program(Policy(), first_process=True), machine, number, *other) == ALLOW


@pytest.mark.parametrize(
    ("name", "answer"), [("setxattrat", 0), ("file_setattr", 0), ("inotify_add_watch", errno.EACCES)]
)
def test_what_landlock_does_not_judge_has_no_effect_where_it_is_the_wall(machine, name, answer):
    number = calls.number_of(name)

    assert judge(seccomp.program(Policy(), keep_metadata=True), machine, number) == refused(answer)
    assert judge(seccomp.program(Policy()), machine, number) == ALLOW


@pytest.mark.parametrize(
    ("kind", "protocol", "allowed"),
    [
        ("stream", 0, True),
        ("stream", TCP, True),
        ("stream", MPTCP, False),
        ("stream", SCTP, False),
        ("stream", SMC, False),
        ("datagram", 0, True),
        ("datagram", UDP, True),
        ("datagram", ICMP, True),
        ("datagram", UDPLITE, False),
        ("packets in sequence", 0, False),
        ("congestion controlled", 0, False),
    ],
)
def test_of_the_internets_sockets_there_are_those_whose_ports_can_be_judged(machine, kind, protocol, allowed):
    program = seccomp.program(Policy(network=True))
    kinds = {"stream": 1, "datagram": 2, "packets in sequence": 5, "congestion controlled": 6}

    for family in (2, 10):
        found = judge(program, machine, calls.number_of("socket"), family, kinds[kind] | CLOSE_ON_EXEC, protocol)

        assert found == (ALLOW if allowed else refused(errno.EACCES))


@pytest.mark.parametrize(("name", "before"), [("sendto", 3), ("sendmsg", 2), ("sendmmsg", 3)])
def test_no_connection_begins_by_sending(machine, name, before):
    program = seccomp.program(Policy(network=True))
    send = calls.number_of(name)

    assert judge(program, machine, send, *[7] * before, 0x4000) == ALLOW
    assert judge(program, machine, send, *[7] * before, 0x20004000) == refused(errno.EOPNOTSUPP)


@pytest.mark.parametrize(("name", "signal_at"), [("kill", 1), ("tkill", 1), ("tgkill", 2)])
def test_the_first_process_of_a_tree_can_kill_itself(machine, name, signal_at):
    def sent(process: int, signal: int) -> int:
        arguments = [process, *[process] * (signal_at - 1), signal]
        return judge(seccomp.program(Policy(), first_process=True), machine, calls.number_of(name), *arguments)

    assert sent(1, 9) == KILL
    assert sent(1, 15) == ALLOW
    assert sent(2, 9) == ALLOW
