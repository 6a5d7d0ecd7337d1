"""Commits since the last release: changed source has a test, what a user sees a changelog line.

python tools/check_commits.py [--since REF]

Without a release the check starts after ``FIRST``. A merge is judged by the commits it brings. A
commit that cannot be mended any more is named in ``EXCUSED`` with its reason, which is printed.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
FIRST = "39ec4676319359c94c09333d3069328f45f8c606"
"""Commit after which every commit is held to the rule while there is no release."""
EXCUSED: dict[str, str] = {}
"""Reasons by the first ten digits of a commit."""
SEEN_BY_USERS = (
    "src/imscope/cli/",
    "src/imscope/app/",
    "src/imscope/report/",
    "src/imscope/core/schema/",
    "src/imscope/core/codes/",
    "src/imscope/evidence/data/",
)


@dataclass(frozen=True)
class Commit:
    """A commit and the files it touches."""

    name: str
    subject: str
    files: tuple[str, ...]


def faults(commit: Commit) -> list[str]:
    """What a commit lacks.

    >>> faults(Commit("a", "Mend x", ("src/imscope/cli/qc.py", "tests/cli/test_qc.py")))
    ['no changelog line']
    """
    if not any(f.startswith("src/") for f in commit.files):
        return []
    lacks = []
    if not any(f.startswith("tests/") for f in commit.files):
        lacks.append("no test")
    visible = any(f.startswith(SEEN_BY_USERS) for f in commit.files)
    if visible and "CHANGELOG.md" not in commit.files:
        lacks.append("no changelog line")
    return lacks


def read_commits(since: str, root: Path) -> list[Commit]:
    """Commits of the current branch after ``since``, merges left out, oldest first."""
    where = f"{since}..HEAD" if since else "HEAD"
    text = _git(
        root, "log", "--no-merges", "--reverse", "--name-only", "--format=%x00%H%x01%s", where
    )
    found = []
    for part in text.split("\0")[1:]:
        head, *files = part.strip().splitlines()
        name, _, subject = head.partition("\1")
        found.append(Commit(name, subject, tuple(f for f in files if f)))
    return found


def last_release(root: Path) -> str:
    """Newest tag ``v*`` below the current commit, or nothing."""
    done = subprocess.run(
        ["git", "describe", "--tags", "--match", "v*", "--abbrev=0"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip()


def _git(root: Path, *words: str) -> str:
    return subprocess.run(
        ["git", *words], cwd=root, capture_output=True, text=True, check=True
    ).stdout


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Print every commit that lacks something; 1 when one does."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--since", default=None, metavar="REF")
    asked = parser.parse_args(arguments)
    if not (root / ".git").exists():
        print("commits: SKIPPED, this is no git checkout")
        return 0
    since = asked.since if asked.since is not None else last_release(root) or FIRST
    try:
        commits = read_commits(since, root)
    except subprocess.CalledProcessError:
        print(f"commits: SKIPPED, {since} is not in this checkout (a shallow clone?)")
        return 0
    broken = 0
    for commit in commits:
        lacks = faults(commit)
        if lacks and commit.name[:10] in EXCUSED:
            print(f"{commit.name[:10]} excused: {EXCUSED[commit.name[:10]]}")
        elif lacks:
            broken += 1
            print(f"{commit.name[:10]} {', '.join(lacks)}: {commit.subject}", file=sys.stderr)
    print(f"commits: {len(commits)} since {since or 'the first'}, {broken} lack something")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
