"""One thread that does a storage's jobs in order, a batch at a time.

Callers enqueue and wait, or do not; the thread takes whatever has gathered while the last batch was on its way to the
disk, and that is how a hundred callers share one fsync. A future that is done means committed. A writer that is in no
hurry waits a little for company, so that whoever left the job is answered before the work begins.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any, Generic, NamedTuple, TypeVar

from qntx.capsules import fork

Job = TypeVar("Job")
Result = TypeVar("Result")

BATCH_MAX = 1_024
IDLE_SECONDS = 10.0
"""After which the thread ends and the connection closes; the next job starts both again."""


class _Item(NamedTuple):
    job: Any
    future: Future[Any] | None


Queue = SimpleQueue[_Item | None]


class Writer(Generic[Job, Result]):
    """`commit` answers each job of a batch with its result or its exception; raising fails all of them."""

    def __init__(
        self,
        commit: Callable[[Sequence[Job]], Sequence[Result | Exception]],
        release: Callable[[], None],
        *,
        company_seconds: float = 0.0,
    ) -> None:
        self._commit = commit
        self._release = release
        self._company_seconds = company_seconds
        self._begin()
        fork.register(self)

    def _begin(self) -> None:
        self._queue: Queue = SimpleQueue()
        self._closing = threading.Event()  # Nobody waits for company any more.
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()  # Guards _thread, and that what is queued has one.
        self._gate = threading.Lock()  # Held while the connection is in use.

    def submit(self, job: Job) -> Future[Result]:
        future: Future[Result] = Future()
        future.set_running_or_notify_cancel()
        self._put(_Item(job, future))
        return future

    def leave(self, job: Job) -> None:
        """Queue a job that nobody waits for. `commit` sees to whatever becomes of it, and does not raise."""
        self._put(_Item(job, None))

    def close(self) -> None:
        """Do what is queued, end the thread, close the connection. A later job opens everything again."""
        with self._lock:
            thread, self._thread = self._thread, None
            if thread is not None:
                self._queue.put(None)
                self._closing.set()
                # What comes after the close is another thread's.
                self._queue, self._closing = SimpleQueue(), threading.Event()
        if thread is None:
            with self._gate:
                self._release()
        elif thread is not threading.current_thread():
            thread.join()

    def before_fork(self) -> None:
        self._lock.acquire()
        self._gate.acquire()
        self._release()

    def after_fork_in_parent(self) -> None:
        self._gate.release()
        self._lock.release()

    def after_fork_in_child(self) -> None:
        self._begin()

    def at_exit(self) -> None:
        self.close()

    def _put(self, item: _Item) -> None:
        with self._lock:
            self._queue.put(item)
            started = self._thread is not None or self._start()
        if not started:
            self._handle(_gathered(self._queue, []))

    def _start(self) -> bool:
        """False when the interpreter is shutting down and starts no more threads: the caller does the work then."""
        thread = threading.Thread(target=self._run, args=(self._queue, self._closing), name="capsules", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            return False
        self._thread = thread
        return True

    def _run(self, queue: Queue, closing: threading.Event) -> None:
        while True:
            idle = queue.empty()
            try:
                first = queue.get(timeout=IDLE_SECONDS)
            except Empty:
                if self._retired(queue):
                    break
                continue
            if first is None:
                break
            if idle and self._company_seconds:
                closing.wait(self._company_seconds)
            self._handle(_gathered(queue, [first]))
            if self._company_seconds:
                # Those who come meanwhile do not even have to wake this thread.
                closing.wait(self._company_seconds)
        with self._gate:
            self._release()

    def _retired(self, queue: Queue) -> bool:
        with self._lock:
            if not queue.empty():
                return False
            if queue is self._queue:
                self._thread = None
            return True

    def _handle(self, batch: list[_Item]) -> None:
        with self._gate:
            answers = self._answers([item.job for item in batch])
        for item, answer in zip(batch, answers, strict=True):
            if item.future is None:
                continue
            if isinstance(answer, Exception):
                item.future.set_exception(answer)
            else:
                item.future.set_result(answer)

    def _answers(self, jobs: list[Job]) -> Sequence[Any]:
        try:
            return self._commit(jobs)
        except Exception as error:
            return [error] * len(jobs)


def _gathered(queue: Queue, batch: list[_Item]) -> list[_Item]:
    """The batch with what waits now; a stop behind it is put back."""
    while len(batch) < BATCH_MAX:
        try:
            item = queue.get_nowait()
        except Empty:
            break
        if item is None:
            queue.put(None)
            break
        batch.append(item)
    return batch
