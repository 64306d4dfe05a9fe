"""Git: the files and the commits of a repository.

`ix /path/to/repository` or `ix https://…`, with `--since 2026-01-01` to take only newer commits, `--max-commits N`, and
`--no-files`. Everything is read from git's own output as it comes; nothing of the repository is run.
"""

import os
import subprocess
import tempfile

from qntx import attest, log, progress

NEEDS = ["network", "subprocess"]

FIELD, RECORD = "\x1f", "\x1e"
COMMIT = RECORD + FIELD.join(("%H", "%P", "%an", "%ae", "%aI", "%s"))
# A repository's own configuration may name programs to run; none of that is wanted here.
SAFE = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "protocol.ext.allow=never")
PROGRESS_EVERY = 500


def execute(payload):
    options = payload.get("options") or {}
    target = payload["input"]
    with tempfile.TemporaryDirectory() as scratch:
        path = target if os.path.isdir(os.path.expanduser(target)) else _clone(target, scratch)
        repository = Repository(os.path.expanduser(path), target)
        summary = {"repository": repository.name, "commits": _commits(repository, options), "files": 0}
        if not options.get("no-files"):
            summary["files"] = _files(repository)
    attest([repository.name], ["repository:ingested"], ["git"], attributes=summary)
    return summary


class Repository:
    """One repository on this machine, asked through git."""

    def __init__(self, path, target):
        self.path = path
        self.name = os.path.basename(os.path.abspath(path) if path == target else target.rstrip("/")).removesuffix(
            ".git"
        )
        self.run("rev-parse", "--git-dir")

    def run(self, *arguments):
        return "".join(self.lines(*arguments))

    def lines(self, *arguments, separator=""):
        """What git prints, a piece at a time. Raises RuntimeError with git's own words."""
        # A repository that somebody else owns is read all the same: it is named, and nothing of it is run.
        command = ["git", *SAFE, "-c", "safe.directory=*", "-C", self.path, *arguments]
        with tempfile.TemporaryFile("w+") as errors:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, errors="replace")
            yield from _pieces(process.stdout, separator)
            if process.wait() != 0:
                errors.seek(0)
                raise RuntimeError(f"{self.path}: git {arguments[0]}: {errors.read().strip()}")


def _pieces(stream, separator):
    rest = ""
    while chunk := stream.read(1 << 16):
        if not separator:
            yield chunk
            continue
        *whole, rest = (rest + chunk).split(separator)
        yield from whole
    if rest:
        yield rest


def _clone(target, scratch):
    log(f"cloning {target}")
    path = os.path.join(scratch, "clone")
    command = ["git", *SAFE, "clone", "--quiet", "--bare", "--", target, path]
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{target} is no folder, and cannot be cloned: {done.stderr.strip()}")
    return path


def _commits(repository, options):
    if not repository.run("for-each-ref", "--count=1").strip():
        log(f"{repository.name} has no commits yet", level="warning")
        return 0
    limits = [f"--since={options['since']}"] if options.get("since") else []
    limits += [f"--max-count={int(options['max-commits'])}"] if options.get("max-commits") else []
    total = int(repository.run("rev-list", "--count", "--all", *limits))
    count = 0
    for text in repository.lines(
        "log", "--all", "--no-show-signature", f"--format={COMMIT}", *limits, separator=RECORD
    ):
        if not text.strip():
            continue
        sha, parents, author, email, date, subject = text.rstrip("\n").split(FIELD)
        count += 1
        attest(
            [f"commit:{sha}"],
            ["committed"],
            [repository.name],
            [author],
            {"subject": subject, "author": author, "email": email, "date": date, "parents": parents.split()},
        )
        if count % PROGRESS_EVERY == 0:
            progress(count, total, f"{count} of {total} commits")
    progress(count, total, f"{count} commits")
    return count


def _files(repository):
    """The files of the commit that is checked out."""
    if not repository.run("for-each-ref", "--count=1").strip():
        return 0
    count = 0
    for entry in repository.lines("ls-tree", "-r", "-l", "-z", "HEAD", separator="\0"):
        facts, _, path = entry.partition("\t")
        mode, kind, blob, size = facts.split()
        if kind != "blob":
            continue
        count += 1
        suffix = os.path.splitext(path)[1].lstrip(".").lower()
        attributes = {"path": path, "size": int(size), "blob": blob, "mode": mode, "type": suffix}
        attest([f"{repository.name}/{path}"], ["file"], [repository.name], attributes=attributes)
        if count % PROGRESS_EVERY == 0:
            progress(count, None, f"{count} files")
    return count
