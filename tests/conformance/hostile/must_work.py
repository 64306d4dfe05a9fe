"""Scripts that must work in every sandbox: name, the modules they need, what the run may do, the code, the result."""

# A script a line; wrapping them would only hide what they do.
# ruff: noqa: E501

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.processes import free_port

PORT = free_port()


@dataclass(frozen=True)
class MustWork:
    code: str
    result: Any
    needs: tuple[str, ...] = ()
    limits: dict[str, Any] = field(default_factory=dict)
    not_on: tuple[str, ...] = ()


SCRIPTS = {
    "tempfile": MustWork(
        "import tempfile\nwith tempfile.NamedTemporaryFile('w+') as f:\n    f.write('x'); f.seek(0); _result = f.read()",
        "x",
    ),
    "files in the working directory": MustWork(
        "import shutil, pathlib\npathlib.Path('a/b').mkdir(parents=True)\npathlib.Path('a/b/c').write_text('x')\n"
        "shutil.copy('a/b/c', 'd')\nshutil.rmtree('a')\n_result = pathlib.Path('d').read_text()",
        "x",
    ),
    "/tmp": MustWork("open('/tmp/x', 'w').write('x') if __import__('os').path.islink('/tmp') else 1", 1),
    "sqlite": MustWork(
        "import sqlite3\nd = sqlite3.connect('x.db')\nd.execute('create table t(a)')\n"
        "d.execute('insert into t values (5)')\nd.commit()\n_result = d.execute('select a from t').fetchone()[0]",
        5,
    ),
    "threads": MustWork(
        "from concurrent.futures import ThreadPoolExecutor\n_result = sum(ThreadPoolExecutor(8).map(lambda n: n * n, range(10)))",
        285,
    ),
    "asyncio": MustWork(
        "import asyncio\nawait asyncio.sleep(0.01)\n_result = await asyncio.gather(asyncio.sleep(0, 1), asyncio.sleep(0, 2))",
        [1, 2],
    ),
    "logging": MustWork("import logging\nlogging.basicConfig(level='INFO')\nlogging.info('hello')\n_result = 1", 1),
    "pickle of a class of one's own": MustWork(
        "import pickle\nclass Point:\n    def __init__(self, x): self.x = x\n_result = pickle.loads(pickle.dumps(Point(3))).x",
        3,
    ),
    "the main module": MustWork(
        "if __name__ == '__main__':\n    import __main__\n    y = 4\n    _result = __main__.y", 4
    ),
    "local time": MustWork(
        "import datetime, zoneinfo\ndatetime.datetime(2026, 1, 1, tzinfo=datetime.UTC).isoformat()",
        "2026-01-01T00:00:00+00:00",
    ),
    "who am I": MustWork(
        "import getpass, pwd, os\n_result = pwd.getpwuid(os.getuid()) is not None if os.getuid() == 65534 else True",
        True,
    ),
    "imports that nothing preloaded": MustWork(
        "import xml.dom.minidom, http.client, tomllib, curses.ascii\n_result = 1", 1
    ),
    "subprocess where allowed": MustWork(
        "import subprocess\nsubprocess.run(['echo', 'hi'], capture_output=True, text=True).stdout",
        "hi\n",
        limits={"subprocess": True},
    ),
    "a shell pipeline where allowed": MustWork(
        "import subprocess\nint(subprocess.check_output('seq 10 | wc -l', shell=True))", 10, limits={"subprocess": True}
    ),
    "multiprocessing where allowed": MustWork(
        "import multiprocessing\n\ndef square(n):\n    return n * n\n\nif __name__ == '__main__':\n"
        "    with multiprocessing.get_context('fork').Pool(2) as p:\n        _result = p.map(square, [1, 2, 3])",
        [1, 4, 9],
        limits={"subprocess": True},
        # Its semaphores live in /dev/shm, which without a mount namespace is everybody's.
        not_on=("landlock",),
    ),
    "sockets where allowed": MustWork(
        f"import socket\ns = socket.create_server(('127.0.0.1', {PORT}))\nc = socket.create_connection(s.getsockname())\n"
        "c.sendall(b'x')\ns.accept()[0].recv(1).decode()",
        "x",
        limits={"network": True, "network_ports": (PORT,)},
    ),
    "numpy": MustWork(
        "import numpy as np\n(np.arange(6).reshape(2, 3) @ np.ones(3)).tolist()", [3.0, 12.0], needs=("numpy",)
    ),
    "numpy's linear algebra": MustWork(
        "import numpy as np\nround(float(np.linalg.det(np.eye(50) * 1.0)), 6)", 1.0, needs=("numpy",)
    ),
    "500 MB under a cap of 1 GiB": MustWork(
        "import numpy as np\na = np.ones(500_000_000 // 8)\nfloat(a.sum())",
        62_500_000.0,
        needs=("numpy",),
        limits={"memory_mib": 1024},
    ),
    "pandas": MustWork(
        "import pandas as pd\nint(pd.DataFrame({'a': [1, 2], 'g': ['x', 'x']}).groupby('g').a.sum().iloc[0])",
        3,
        needs=("pandas",),
    ),
    "pandas and files": MustWork(
        "import pandas as pd\npd.DataFrame({'a': [1, 2]}).to_csv('x.csv', index=False)\nint(pd.read_csv('x.csv').a.sum())",
        3,
        needs=("pandas",),
    ),
    "scipy": MustWork("from scipy import stats\nround(float(stats.norm.cdf(0)), 3)", 0.5, needs=("scipy",)),
    "scipy's optimiser": MustWork(
        "from scipy.optimize import brentq\nround(brentq(lambda x: x * x - 2, 0, 2), 6)", 1.414214, needs=("scipy",)
    ),
    "Biopython": MustWork("from Bio.Seq import Seq\nstr(Seq('ATGGCC').translate())", "MA", needs=("Bio",)),
    "matplotlib": MustWork(
        "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()\n_result = 1", 1, needs=("matplotlib",)
    ),
}
