"""What must hold of the code before a job is sent: it can be found again."""

from harness.contract.errors import NotReady
from harness.provenance.repository import GitState


def check_code(state: GitState, allow_dirty: bool) -> None:
    """Refuse what nobody could find again: a job elsewhere outlives this working tree.

    Raises:
        NotReady: the tree is not committed, or not on the remote, and `allow_dirty` is not set.
    """
    if allow_dirty:
        return
    git, legal = state.git, "a commit that is on the remote, or allow_dirty=true (a patch travels with the run)"
    if git is None:
        what = (*state.unknown, "this is no git repository with a commit")[0]
        raise NotReady(f"mode=cloud: {what}", legal=legal, command="git init")
    if git.dirty is None or state.unknown:
        what = (*state.unknown, "whether there is uncommitted work")[0]
        raise NotReady(f"mode=cloud: not known: {what}", legal=legal, command="git status")
    if git.dirty:
        raise NotReady("mode=cloud: there is uncommitted work", legal=legal, command="git status")
    if not git.pushed:
        raise NotReady(
            f"mode=cloud: the commit {git.commit[:12]} is on no remote that is known here",
            legal=legal,
            command="git push",
        )
