"""Spot instances unasked only for a program that is proven to resume, and what a job that ends early loses."""

from dataclasses import dataclass, replace

from harness.cloud.aws import prices
from harness.contract import bundle
from harness.evidence import promises, proven
from harness.settings.command_line import typed_settings
from harness.settings.project import ROOT
from harness.settings.schema import Cloud, Config


@dataclass(frozen=True)
class Resume:
    """What is known of the program's resume, and the mode that follows from it."""

    program: str
    status: str
    mode: Cloud

    def in_words(self, budget: prices.Budget) -> str:
        """What is known, what it may cost, and what was chosen."""
        if self.status == promises.PROVEN:
            return "proven, on this machine at least"
        most = f", up to {budget.most:.2f} USD" if budget.most is not None else ""
        risk = f"a job that ends early loses all that it has cost{most}"
        asked = "spot was asked for: each reclaimed instance may begin anew"
        chosen = asked if self.mode.spot else "no spot instances"
        return f"{self.status} (python src/prove.py program={self.program}): {risk}; {chosen}"


def resume(settings: Config, mode: Cloud) -> Resume:
    """The mode, with spot instances only where the program has been proven to resume or they were asked for."""
    files = bundle.collect(ROOT, settings.program)
    hashes = bundle.code_hash(files), bundle.lock_hash(files)
    known = promises.status(proven.known(ROOT, settings.program, *hashes, mode.instance_count), promises.RESUME, None)
    asked = "mode.spot" in typed_settings()
    chosen = mode if asked or known == promises.PROVEN else replace(mode, spot=False)
    return Resume(settings.program, known, chosen)
