"""Every error of Evenhand, on one page, sorted by what the caller should do."""

from __future__ import annotations


class EvenhandError(Exception):
    """The root. Each error says what is wrong, where, and what to do about it.

    Args:
        rule: stable machine-readable name of the broken rule, such as ``"answer.unknown-choice"``.
        reason: one sentence for a person: what is wrong and why.
        where: the place: a JSON path (``"answers.spam"``), a line (``"line 12"``), a file; or "".
        remedy: one sentence that says what to do; or "".
    """

    def __init__(self, rule: str, reason: str, where: str = "", remedy: str = "") -> None:
        super().__init__(rule, reason, where, remedy)
        self.rule = rule
        self.reason = reason
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        remedy = f" {self.remedy}" if self.remedy else ""
        return f"{place}{self.reason}{remedy}"


class Invalid(EvenhandError):
    """What was sent cannot be read. Correct it and send it again."""


class Refused(EvenhandError):
    """What was sent can be read, and a rule forbids it now. Sending it again will not help."""


class Missing(EvenhandError):
    """There is no such thing, or none that you may see. The two are not told apart on purpose."""


class Broken(EvenhandError):
    """Evenhand's own data contradict themselves. Stop, and run ``evenhand doctor``."""


class Unavailable(EvenhandError):
    """Not now: something is busy, full or starting. Try the same again later."""
