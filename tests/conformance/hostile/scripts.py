"""Scripts that try to break out. Each sets `_result = True` when it succeeded.

`upstream` tells where the targets are: secret, directory, victim, tcp, udp, unix, abstract, memory. Standard library
only: the same texts run without a sandbox in the control run.
"""

# A script a line; wrapping them would only hide what they do.
# ruff: noqa: E501

from __future__ import annotations

_LIBC = "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"
_TRY = "_result = False\ntry:\n    {}\n    _result = True\nexcept (OSError, RuntimeError, ValueError, AssertionError) as fault:\n    print(fault)\n"


def _attempt(*lines: str) -> str:
    return "import os, socket, subprocess, sys, time, signal\n" + _TRY.format("\n    ".join(lines))


def _syscall(number_x86: int, number_arm: int, *arguments: str) -> str:
    call = ", ".join(arguments)
    return (
        f"{_LIBC}import platform\nnumber = {number_x86} if platform.machine() == 'x86_64' else {number_arm}\n"
        f"_result = libc.syscall(number, {call}) >= 0"
    )


_MAP = (
    f"{_LIBC}libc.mmap.restype = ctypes.c_void_p\nlibc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]\n"
    "def map_pages(size, access, flags, fd=-1):\n    where = libc.mmap(None, size, access, flags, fd, 0)\n"
    "    return None if where == 2**64 - 1 else where\n"
    "def resident_mib():\n    return int(next(line for line in open('/proc/self/status') if line.startswith('VmRSS')).split()[1]) >> 10\n"
)
# The answer as the worker gives it, while the script goes on.
_ANSWERED = (
    "import os, struct, json, signal, time\nhead = json.dumps({'outcome': 'finished', 'error': '', 'missing_module': '', "
    "'refusals_told': 0, 'cpu_ms': 0, 'peak_rss_bytes': 0, 'variables': {}}).encode()\n"
    "body = struct.pack('<I', len(head)) + head + b'1'\nos.write(3, struct.pack('<IB', len(body), 2) + body)\n"
)


FILES = {
    "read a secret": _attempt("assert open(upstream['secret']).read()"),
    "overwrite a file": _attempt("open(upstream['secret'], 'a').write('x')"),
    "truncate a file": _attempt("os.truncate(upstream['secret'], 3)"),
    "unlink a file": _attempt("os.unlink(upstream['secret'])"),
    "rename a file": _attempt("os.rename(upstream['secret'], upstream['secret'] + '.moved')"),
    "create a file beside": _attempt("open(upstream['directory'] + '/new', 'w').close()"),
    "make a directory": _attempt("os.mkdir(upstream['directory'] + '/made')"),
    "chmod a file": _attempt(
        "os.chmod(upstream['secret'], 0o777)", "assert os.stat(upstream['secret']).st_mode & 0o777 == 0o777"
    ),
    "list a private directory": _attempt("os.listdir(upstream['directory'])"),
    "link a secret into scratch": _attempt("os.link(upstream['secret'], 'linked')", "open('linked').read()"),
    "symlink a secret into scratch": _attempt("os.symlink(upstream['secret'], 'pointer')", "open('pointer').read()"),
    "read the password hashes": _attempt("open('/etc/shadow').read()"),
    "write to /etc": _attempt("open('/etc/qntx-was-here', 'w').close()", "os.unlink('/etc/qntx-was-here')"),
    "write to Python's library": _attempt(
        "path = os.path.dirname(os.__file__) + '/was_here'", "open(path, 'w').close()", "os.unlink(path)"
    ),
    "read a disk": _attempt(
        "open(next(d for d in ('/dev/vda', '/dev/sda', '/dev/nvme0n1', '/dev/mem')), 'rb').read(1)"
    ),
    "make a device": _attempt("os.mknod('disk', 0o60600, os.makedev(254, 0))", "open('disk', 'rb').read(1)"),
    "leave by an old root": _attempt("open('/.host' + upstream['secret']).read()"),
    "climb out of scratch": _attempt("open('../' * 20 + upstream['secret'].lstrip('/')).read()"),
    "read through /proc/self/root": _attempt("open('/proc/self/root' + upstream['secret']).read()"),
    "chroot": _attempt("os.mkdir('jail')", "os.chroot('jail')"),
    "mount a file system": _LIBC + "_result = libc.mount(b'x', os.getcwd().encode(), b'tmpfs', 0, None) == 0",
    "unmount": _LIBC + "_result = libc.umount2(b'/proc', 2) == 0",
    "open by handle": _syscall(304, 265, "-100", "b'x' * 64", "0"),
    "new mount by fsopen": _syscall(430, 430, "b'tmpfs'", "0"),
    "set an attribute of a file": "import os\ntry:\n    os.setxattr(upstream['secret'], 'user.was', b'here')\nexcept OSError: pass",
    "set an attribute by a newer call": _LIBC + "import struct\nvalue = ctypes.create_string_buffer(b'here')\n"
    "libc.syscall(463, -100, upstream['secret'].encode(), 0, b'user.was', struct.pack('=QII', ctypes.addressof(value), 4, 0), 16)",
    "watch a private directory": _LIBC
    + "_result = libc.inotify_add_watch(libc.inotify_init1(0), upstream['directory'].encode(), 0xfff) >= 0",
    "watch by fanotify": _syscall(300, 262, "0x200", "0"),
    "descriptors that were left open": "import os\n_result = any(os.path.exists(f'/proc/self/fd/{n}') for n in range(4, 1024))",
    "memory that later runs share": "_result = any('w' in line.split()[1] and 's' in line.split()[1] for line in open('/proc/self/maps'))",
}

NETWORK = {
    "connect over TCP": _attempt("socket.create_connection(('127.0.0.1', upstream['tcp']), 2).sendall(b'hello')"),
    "send over UDP": _attempt(
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)", "s.sendto(b'hello', ('127.0.0.1', upstream['udp']))"
    ),
    "connect to a unix socket": _attempt("s = socket.socket(socket.AF_UNIX)", "s.connect(upstream['unix'])"),
    "connect to an abstract socket": _attempt(
        "s = socket.socket(socket.AF_UNIX)", "s.connect('\\0' + upstream['abstract'])"
    ),
    "listen": _attempt("socket.create_server(('127.0.0.1', 0))"),
    "open a raw socket": _attempt("socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)"),
    "open a packet socket": _attempt("socket.socket(17, socket.SOCK_RAW)"),
    "open a netlink socket": _attempt("socket.socket(16, socket.SOCK_RAW)"),
    "open a vsock": _attempt("socket.socket(40, socket.SOCK_STREAM)"),
    "connect by io_uring": _syscall(425, 425, "8", "ctypes.create_string_buffer(256)"),
    "resolve a name through the network": _attempt("socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)"),
    "use the kernel's ciphers": _attempt("socket.socket(38, socket.SOCK_SEQPACKET)"),
}

PROCESSES = {
    "fork": _attempt("pid = os.fork()", "os._exit(0) if pid == 0 else os.waitpid(pid, 0)"),
    "run a program": _attempt("subprocess.run(['true'], check=True)"),
    "spawn without a shell": _attempt("os.posix_spawn('/bin/true', ['true'], {})"),
    "become a program": "import os\ntry:\n    os.execv('/bin/true', ['true'])\nexcept OSError: _result = False",
    "fork by syscall": _syscall(57, 220, "17", "0", "0", "0", "0"),
    "fork by clone3": _LIBC + "import struct\nargs = struct.pack('=8Q', 0, 0, 0, 0, 17, 0, 0, 0)\n"
    "r = libc.syscall(435, args, 64)\nos._exit(0) if r == 0 else None\n_result = r > 0",
    "a bomb of forks": "import os\nn = 0\ntry:\n    while n < 5000:\n        if os.fork() == 0:\n            import time; time.sleep(60)\n"
    "        n += 1\nexcept OSError: pass\n_result = n > 100",
    "signal a neighbour": _attempt("os.kill(upstream['victim'], signal.SIGTERM)"),
    "signal everybody": "import os, signal, time\ntry:\n    os.kill(-1, signal.SIGUSR2)\nexcept OSError: pass\ntime.sleep(0.2)",
    "signal the parent": _attempt("assert os.getppid() > 1", "os.kill(os.getppid(), signal.SIGCONT)"),
    "trace a neighbour": _LIBC + "_result = libc.ptrace(16, upstream['victim'], None, None) == 0",
    "read a neighbour's memory": _attempt("open(f\"/proc/{upstream['victim']}/mem\", 'rb').close()"),
    "read a neighbour's environment": _attempt("assert open(f\"/proc/{upstream['victim']}/environ\").read()"),
    "read by process_vm_readv": _LIBC + "import struct\nb = ctypes.create_string_buffer(8)\n"
    "l = struct.pack('QQ', ctypes.addressof(b), 8)\nr = struct.pack('QQ', id(libc), 8)\n"
    "_result = libc.process_vm_readv(upstream['victim'], l, 1, r, 1, 0) > 0",
    "steal a descriptor": _syscall(438, 438, "0", "1", "0"),
    "open a pidfd of a neighbour": _attempt(
        "fd = os.pidfd_open(upstream['victim'])", "signal.pidfd_send_signal(fd, signal.SIGTERM)"
    ),
    "read init's environment": _attempt("assert open('/proc/1/environ', 'rb').read()", "assert os.getpid() != 1"),
    "raise one's own limits": "import resource\n_result = False\ntry:\n    resource.setrlimit(resource.RLIMIT_DATA, (-1, -1)); _result = True\n"
    "except (ValueError, OSError): pass",
    "a new user namespace": _LIBC + "_result = libc.unshare(0x10000000) == 0",
    "enter a namespace": _attempt(
        "fd = os.open(f\"/proc/{upstream['victim']}/ns/mnt\", 0)",
        "import ctypes",
        "assert ctypes.CDLL(None).setns(fd, 0) == 0",
    ),
    "load a kernel program": _syscall(321, 280, "0", "b'x' * 128", "128"),
    "load a kernel module": _syscall(313, 273, "0", "b''", "0"),
    "perf events": _syscall(298, 241, "b'\\0' * 128", "0", "-1", "-1", "0"),
    "use the keyring": _syscall(248, 217, "b'user'", "b'name'", "b'data'", "4", "-3"),
    "userfaultfd": _syscall(323, 282, "0"),
    "reboot": _syscall(169, 142, "0xfee1dead", "672274793", "0", "0"),
    "set the clock": _attempt("time.clock_settime(time.CLOCK_REALTIME, time.time())"),
    "become root": _attempt("assert os.getuid() != 0", "os.setuid(0)"),
    "limit a neighbour": _attempt(
        "import resource", "resource.prlimit(upstream['victim'], resource.RLIMIT_NOFILE, (64, 64))"
    ),
    "slow a neighbour": _attempt("os.setpriority(os.PRIO_PROCESS, upstream['victim'], 5)"),
    "slow everybody": "import os\ntry:\n    os.setpriority(os.PRIO_USER, 0, 5)\nexcept OSError: pass",
    "let a neighbour wait": _attempt("os.sched_setscheduler(upstream['victim'], os.SCHED_IDLE, os.sched_param(0))"),
    "move a neighbour": _attempt("os.sched_setaffinity(upstream['victim'], {min(os.sched_getaffinity(0))})"),
    "a neighbour's turn at the disk": _syscall(251, 30, "1", "upstream['victim']", "3 << 13"),
    "signal as a descriptor's owner": _attempt(
        "import fcntl",
        "a, b = socket.socketpair()",
        "fcntl.fcntl(a, fcntl.F_SETOWN, upstream['victim'])",
        "fcntl.fcntl(a, 10, signal.SIGTERM)",
        "fcntl.fcntl(a, fcntl.F_SETFL, os.O_ASYNC)",
        "b.send(b'x')",
        "time.sleep(0.1)",
        "raise OSError('the victim tells')",
    ),
    "attach shared memory": _LIBC
    + "libc.shmat.restype = ctypes.c_void_p\n_result = libc.shmat(upstream['memory'], None, 0) not in (None, 2**64 - 1)",
    "remove shared memory": _LIBC + "libc.shmctl(upstream['memory'], 0, None)",
    "a queue of messages": _syscall(68, 186, "0", "0o1600"),
    "ask for core dumps": _attempt("import resource", "resource.setrlimit(resource.RLIMIT_CORE, (1 << 30, 1 << 30))"),
    "go on after the answer": _ANSWERED + "while True: pass",
    "stop after the answer": _ANSWERED + "os.kill(os.getpid(), signal.SIGSTOP)\ntime.sleep(100)",
    "a thread that stops all after the answer": "import os, signal, threading, time\n"
    "threading.Thread(target=lambda: (time.sleep(0.2), os.kill(os.getpid(), signal.SIGSTOP)), daemon=True).start()\n_result = 1",
    "spare oneself from the kernel": _attempt("open('/proc/self/oom_score_adj', 'w').write('-1000')"),
    "leave a daemon": "import os, time\n_result = False\ntry:\n    if os.fork() == 0:\n        os.setsid()\n        if os.fork() == 0:\n"
    "            time.sleep(300)\n        os._exit(0)\n    _result = True\nexcept OSError: pass",
}

MEMORY = {
    "a bomb of memory": "b = []\nwhile True: b.append(bytearray(16 << 20))",
    "one huge object": "x = bytearray(64 << 30)\nx[::4096] = b'x' * len(x[::4096])\n_result = True",
    "a memory file": _LIBC + "fd = libc.syscall(319, b'x', 0)\n_result = fd >= 0 and os.ftruncate(fd, 1 << 30) is None",
    "anonymous shared memory": "import mmap\n_result = False\ntry:\n    m = mmap.mmap(-1, 3 << 30)\n    _result = True\n"
    "    for i in range(0, 3 << 30, 4096): m[i] = 1\nexcept (OSError, MemoryError): pass",
    "fill the scratch directory": "_result = False\ntry:\n    for n in range(40):\n        open(f'f{n}', 'wb').write(b'x' * (64 << 20))\n    _result = True\n"
    "except OSError: pass",
    "a file past its limit": "_result = False\ntry:\n    f = open('f', 'wb')\n    f.seek(8 << 30)\n    f.write(b'x')\n    f.flush()\n    _result = True\n"
    "except OSError: pass",
    "shared memory of /dev/zero": _MAP
    + "_result = False\ntry:\n    at = map_pages(700 << 20, 3, 1, os.open('/dev/zero', os.O_RDWR))\nexcept OSError: at = None\n"
    "if at:\n    ctypes.memset(at, 1, 700 << 20)\n    _result = resident_mib() > 600",
    "memory that grows down": _MAP
    + "at = map_pages(700 << 20, 3, 0x122)\nif at:\n    ctypes.memset(at, 1, 700 << 20)\n    _result = resident_mib() > 600",
    "a stack without end": _MAP
    + "import resource\nstack = int(next(line for line in open('/proc/self/maps') if '[stack]' in line).split('-')[0], 16)\n"
    "try:\n    resource.setrlimit(resource.RLIMIT_STACK, (-1, -1))\nexcept ValueError: pass\nctypes.memset(stack - (700 << 20), 1, 700 << 20)\n_result = resident_mib() > 600",
    "tables of pages": _MAP
    + "at = map_pages(1 << 40, 1, 0x4022)\nif at:\n    for n in range(0, 1 << 38, 1 << 21): ctypes.string_at(at + n, 1)\n    _result = True",
    "memory written through /proc": _MAP
    + "_result = False\nat = map_pages(700 << 20, 1, 0x22)\ntry:\n    mem = open('/proc/self/mem', 'r+b', 0)\n"
    "    for n in range(0, 700 << 20, 1 << 20):\n        mem.seek(at + n); mem.write(b'x' * (1 << 20))\n    _result = resident_mib() > 600\nexcept OSError: pass",
    "files that hold no disk": "import os\n_result = False\ntry:\n    os.truncate(os.open('f', os.O_CREAT | os.O_RDWR), 1 << 40)\n    _result = True\nexcept (OSError, TypeError): pass",
    "files without a name": "import os\nkept = []\ntry:\n    for n in range(300):\n        kept.append(open('f', 'wb')); os.unlink('f'); kept[-1].write(b'x' * (8 << 20))\n    _result = True\n"
    "except OSError: _result = False",
    "files without end": "_result = False\ntry:\n    for n in range(500_000): open(f'f{n}', 'w').close()\n    _result = True\nexcept OSError: pass",
    "folders without end": "import os\ntry:\n    for n in range(1500): os.mkdir('d'); os.chdir('d')\nexcept OSError: pass",
    "folders that may not be listed": "import os\nos.mkdir('d', 0o300)\nopen('d/f', 'w').close()\nos.mkdir('e', 0)",
    "an exception of 300 megabytes": "raise ValueError('x' * (300 << 20))",
    "a chain of exceptions": "e = None\nfor n in range(50_000):\n    f = ValueError(n); f.__cause__ = e; e = f\nraise e",
    "groups in groups": "e = ValueError(1)\nfor n in range(3000): e = ExceptionGroup('g', [e])\nraise e",
    "a repr of itself": "class R:\n    def __repr__(self): return repr(self)\n_result = R()",
    "asynchronous I/O": _LIBC
    + "_result = libc.syscall(206 if os.uname().machine == 'x86_64' else 0, 60_000, ctypes.byref(ctypes.c_ulong(0))) == 0",
    "SysV shared memory": _LIBC + "_result = libc.shmget(1234, 1 << 20, 0o1600) >= 0",
    "threads without end": "import threading, time\nn = 0\ntry:\n    while n < 3000:\n        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
    "        n += 1\nexcept RuntimeError: pass\n_result = n >= 3000",
    "recursion without end": "def f(): return f()\nf()",
    "recursion in C": "import sys\nsys.setrecursionlimit(10**9)\ndef f(): return f()\nf()",
    "deeply nested result": "x = []\nfor _ in range(100_000): x = [x]\n_result = x",
    "descriptors without end": "import os\nn = 0\ntry:\n    while n < 5000: os.dup(1); n += 1\nexcept OSError: pass\n_result = n >= 5000",
    "a catastrophic pattern": "import re\nre.match(r'(a+)+$', 'a' * 40 + 'b')",
    "a sum without end": "sum(range(10**14))",
    "a result of a gigabyte": "_result = 'x' * (1 << 30)",
}

PROTOCOL = {
    "close every descriptor": "import os\nos.closerange(0, 1024)",
    "close the streams": "import os\nos.close(1)\nos.close(2)\nprint('x')",
    "close the line": "import os\nos.close(3)",
    "garbage on the line": "import os\nos.write(3, os.urandom(4096))\nimport time; time.sleep(5)",
    "a forged result": _ANSWERED.replace("b'1'", "b'not json'") + "time.sleep(5)",
    "an answer of ten million lists": _ANSWERED.replace("b'1'", "b'[' + b'[],' * 10_000_000 + b'0]'"),
    "a terminal's commands": "print('\\x1b]0;owned\\x07\\x1b[2J\\x9b6n')\n_result = '\\x1b[31m\\x00'",
    "a forged length": "import os, struct, time\nos.write(3, struct.pack('<IB', 0xffffffff, 2))\ntime.sleep(5)",
    "half a frame": "import os, struct\nos.write(3, struct.pack('<IB', 1000, 2) + b'x')\nos._exit(0)",
    "a forged ready": "import os, struct\nos.write(3, struct.pack('<IB', 0, 0) * 1000)\n_result = 'answered'",
    "a flood of frames": "import os, struct\nfor _ in range(20000): os.write(3, struct.pack('<IB', 4, 4) + b'9999')\n_result = 'answered'",
    "calls that do not exist": "import os, struct, time\np = b'[0, \"__class__\", {}]'\nos.write(3, struct.pack('<IB', len(p), 7) + p)\n_result = 'answered'",
    "deep JSON on the line": "import os, struct, time\np = b'[' * 200000\nos.write(3, struct.pack('<IB', len(p), 7) + p)\ntime.sleep(5)",
    "surrogates on the line": "import os, struct\np = b'[\"log\", {\"message\": \"\\\\ud800\"}]'\nos.write(3, struct.pack('<IB', len(p), 9) + p)\n_result = 'answered'",
    "rebind the builtins": "import builtins\nfor name in ('len', 'isinstance', 'print', 'dict', 'open', 'max', 'repr', 'Exception'):\n"
    "    setattr(builtins, name, None)\n_result = 'answered'",
    "break the json module": "import json\njson.dumps = json.loads = None\n_result = 1",
    "break the struct module": "import struct, sys\nstruct.Struct = None\nsys.modules.clear()",
    "replace our own modules": "import sys\nfor name in list(sys.modules):\n    if name.startswith('qntx'): sys.modules[name] = None",
    "a hostile repr": "class E(Exception):\n    def __str__(self): raise SystemExit(0)\nraise E",
    "an exception that cannot be shown": "class M(type):\n    def __getattribute__(c, n): raise KeyboardInterrupt\nclass E(Exception, metaclass=M): pass\nraise E",
    "ignore every signal": "import signal\nfor s in signal.valid_signals():\n    try: signal.signal(s, signal.SIG_IGN)\n    except OSError: pass\nwhile True: pass",
    "kill oneself": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    "stop oneself": "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
    "abort": "import os\nos.abort()",
    "exit without a word": "import os\nos._exit(0)",
    "a null pointer": "import ctypes\nctypes.string_at(0)",
    "a gigabyte of output": "import os\nb = b'x' * (1 << 20)\nfor _ in range(1000): os.write(1, b)",
    "threads left running": "import threading\nthreading.Thread(target=lambda: [None for _ in iter(int, 1)], daemon=True).start()\n_result = 'answered'",
    "a thread that never ends": "import threading\nthreading.Thread(target=lambda: [None for _ in iter(int, 1)]).start()",
    "catch the interrupt for ever": "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
    "exit functions that hang": "import atexit, time\natexit.register(time.sleep, 100)",
    "attest garbage": "import os, struct\np = b'not json\\n' * 1000\nos.write(3, struct.pack('<IB', len(p), 3) + p)\n_result = 'answered'",
}

ESCAPES = {**FILES, **NETWORK, **PROCESSES}
ALL = {**ESCAPES, **MEMORY, **PROTOCOL}
UNCONTROLLED = frozenset(
    {
        "a bomb of forks",
        "signal everybody",
        "reboot",
        "leave a daemon",
        "become a program",
        "fork by syscall",
        "set the clock",
        "slow everybody",
        "go on after the answer",
        "stop after the answer",
        "a thread that stops all after the answer",
    }
)
"""Not run without a sandbox."""
